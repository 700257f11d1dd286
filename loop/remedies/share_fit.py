"""The dense leg's share in each language that serves known questions best, and what it brings to questions that did not
choose it. Pure.

Cross-validated: the questions fall into five parts, and each is searched with the share that the other four choose. So
the figures say what the choice does for questions like these; the share itself is then chosen by all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.errors import InputError
from core.release import RetrievalParameters
from loop.remedies.figures import GainComparison
from loop.remedies.fit import WEIGHTS, Searched, gain_of
from loop.remedies.gain import compared, crossed

# Fewer questions choose by chance, and the interval of what they gain holds 0 whatever is gained.
LEAST_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class ShareFit:
    """A share: the live one, the best one, and the gains of the live one and of those that the other parts chose.

    `language` is empty for the share that counts where a language has none of its own.
    """

    language: str
    live: float
    best: float
    gain: GainComparison

    @property
    def path(self) -> str:
        """Where a release has the share."""
        return f"retrieval.language_weights.{self.language}" if self.language else "retrieval.dense_weight"

    @property
    def taken(self) -> bool:
        """Whether the best share is another and serves questions that did not choose it better, with 95 % certainty."""
        return self.best != self.live and self.gain.gains


def fit_shares(questions: Sequence[Searched], live: RetrievalParameters) -> list[ShareFit]:
    """A fit for each language with enough questions, that of `dense_weight` first. Raises InputError if none has."""
    groups = _groups(questions, live)
    enough = {language: asked for language, asked in sorted(groups.items()) if len(asked) >= LEAST_QUESTIONS}
    if not enough:
        raise InputError(
            f"There are too few questions to choose by: {len(questions)}, and {LEAST_QUESTIONS} of a language are "
            "needed.",
            hint="`ragloop eval generate` drafts cases from the documents.",
        )
    return [_fit(language, asked, live) for language, asked in enough.items()]


def changes_of(fits: Sequence[ShareFit]) -> dict[str, str]:
    """What is to be otherwise, as `ragloop release create --set` takes it."""
    return {each.path: f"{each.best:g}" for each in fits if each.taken}


def _groups(questions: Sequence[Searched], live: RetrievalParameters) -> Mapping[str, list[Searched]]:
    """The questions by whose share counts for them: a language that has its own keeps it, and one gets its own if it
    has enough questions. The commonest of those without goes by `dense_weight`, with all that are rare."""
    without = Counter(each.language for each in questions if each.language not in live.language_weights)
    usual = max(without, key=lambda each: without[each], default="")
    own = {language for language, count in without.items() if count >= LEAST_QUESTIONS and language != usual}
    groups: dict[str, list[Searched]] = {}
    for each in questions:
        has_own = each.language in own or each.language in live.language_weights
        groups.setdefault(each.language if has_own else "", []).append(each)
    return groups


def _fit(language: str, asked: Sequence[Searched], live: RetrievalParameters) -> ShareFit:
    now = live.weight_for(language)
    gains = {share: _gains(asked, live, share) for share in sorted({*WEIGHTS, now})}

    def choose(numbers: Sequence[int]) -> float:
        return _best(gains, numbers, now)

    chosen = crossed([each.query for each in asked], choose, now)
    fitted = [gains[share][number] for number, share in enumerate(chosen)]
    return ShareFit(language, now, choose(range(len(asked))), compared(gains[now], fitted))


def _gains(asked: Sequence[Searched], live: RetrievalParameters, share: float) -> list[float]:
    """Each question's gain with this share, whatever its language."""
    parameters = live.model_copy(update={"dense_weight": share, "language_weights": {}})
    return [gain_of(each, parameters) for each in asked]


def _best(gains: Mapping[float, Sequence[float]], numbers: Sequence[int], live: float) -> float:
    """The share with the best mean gain of these questions; of equal ones the nearest to the live one."""
    return max(gains, key=lambda share: (round(fmean(gains[share][n] for n in numbers), 6), -abs(share - live)))
