"""What remedies measured, as it is kept in a firing's proposal."""

from __future__ import annotations

from core.frozen import Frozen


class GainComparison(Frozen):
    """The mean gains (loop.remedies.gain) over the same questions of what is live and of something else, and their
    difference with its 95 % interval; how many questions gained and lost. Without questions there is nothing to say."""

    questions: int
    live: float | None = None
    candidate: float | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    better: int = 0
    worse: int = 0

    @property
    def loses(self) -> bool:
        """Whether something else serves the questions worse than what is live."""
        return self.difference is not None and self.difference < 0

    @property
    def gains(self) -> bool:
        """Whether it serves them better, with 95 % certainty."""
        return self.interval is not None and self.interval[0] > 0


class SizeGain(Frozen):
    """The mean gain of the questions that choose, in chunks of this size."""

    chunk_tokens: int
    gain: float


class ChunkFigures(Frozen):
    """A search for the chunk size: from which, by which questions, among how many documents, and what each size came
    to."""

    live_tokens: int
    sizes: tuple[SizeGain, ...]
    held_out: GainComparison
    chose_on: tuple[str, ...]
    held_out_on: tuple[str, ...]
    documents: int
    documents_beside: int


class FoundSetting(Frozen):
    """Parameters of retrieval that a fit varies."""

    dense_weight: float
    depth: int
    top_k: int


class CrossedFigures(Frozen):
    """What was chosen or learned by questions, compared with what is live: `choosing` on these, each by what the other
    parts of them come to, `held_out` on others."""

    choosing: GainComparison
    held_out: GainComparison

    @property
    def gains(self) -> bool:
        """Whether it is to be taken: it surely serves questions better that had no part in it, and the held-out ones
        not worse."""
        return self.choosing.gains and not self.held_out.loses


class FitFigures(CrossedFigures):
    """A fit of retrieval parameters: the best of those tried. Fits of before do not say what was `live`."""

    live: FoundSetting | None = None
    best: FoundSetting
    tried: int


class MapFigures(CrossedFigures):
    """What so many `questions` teach about others, with this ridge. `choosing` compares with the search without a
    map: the live one was taught by these questions too."""

    questions: int
    ridge: float


class ThresholdBalance(Frozen):
    """Balanced accuracies with the live threshold and with the `chosen` one."""

    chosen: float
    choosing: tuple[float, float]
    held_out: tuple[float, float] | None


class ThresholdFigures(Frozen):
    """A fit of the threshold of abstention: the live one, the one that is taken, and on how many questions."""

    live: float
    threshold: float
    answerable: int
    unanswerable: int
    balance: ThresholdBalance


class TuningFigures(Frozen):
    """What came of a tuning. Perplexities are per token of the held-out answers."""

    adapter: str
    steps: int
    train_rows: int
    held_out_rows: int
    perplexity_before: float
    perplexity_after: float
    seconds: float
