"""`python -m tests.benchmarks.vote_learning`: what the search learns from votes, by how many there are and how many wrong.

Needs ../shared/data. The documents of a set are embedded once, under --cache. Questions are voted on, asked by the gate, or kept
back for the curve. Half of the votes teach and half hold out, as in the loop; a wrong vote says of a passage that is found and
does not answer that it does, on both sides. With `shared` the three groups are drawn from all questions, so that many of those kept
back are answered by documents that somebody voted on; with `other` by none.

For each number of votes, share of wrong ones and seed: nDCG@10 of the champion's search on the questions kept back, and what
the candidate changes there: with the weight alone, and with the map and the weight, as the remedy `refit` fits them (its numbers
of passages and depth stay as they are). The gate lets a candidate through whose loss on its 150 questions is surely under .02;
`below` has the differences, with their 95 % intervals, of those let through that are below the champion on what is kept back.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from core.release import RetrievalParameters
from core.settings import Settings
from evals.metrics.retrieval import ndcg
from loop.remedies.figures import GainComparison
from loop.remedies.fit import WEIGHTS, Searched, fitted
from loop.remedies.gain import compared
from loop.remedies.map_fit import MapFit, VotedQuestion, fit_map
from retrieval.fusion import fuse
from retrieval.question_map import QuestionMap
from tests.benchmarks import machine
from tests.benchmarks.kept_searches import SETS, KeptSearches, kept
from tests.benchmarks.run import save

VOTES = (0, 25, 50, 100, 200, 400)
WRONG = (0.0, 0.1, 0.2)
SEEDS = (1, 2, 3)
GATE_QUESTIONS = 150
TOLERATED = 0.02
LIVE = RetrievalParameters(dense_weight=Settings.model_fields["dense_weight"].default)


@dataclass(frozen=True)
class Groups:
    """Numbers of the questions that may be voted on, that the gate asks, and that are kept back."""

    voted: Sequence[int]
    gate: Sequence[int]
    back: Sequence[int]


@dataclass(frozen=True)
class Candidate:
    """What a fit proposes: weights, and a map if one is taken. Without either it is the champion."""

    parameters: RetrievalParameters
    taken: QuestionMap | None

    @property
    def proposed(self) -> bool:
        return self.taken is not None or self.parameters != LIVE


def groups(searches: KeptSearches, how: str, seed: int) -> Groups:
    chance = random.Random(seed)
    numbers = chance.sample(range(len(searches.questions)), len(searches.questions))
    if how == "shared":
        half = min(max(VOTES), len(numbers) // 2)
        voted, rest = numbers[:half], numbers[half:]
    else:
        documents = sorted(frozenset[str]().union(*searches.documents))
        some = frozenset(chance.sample(documents, len(documents) // 2))
        voted = [number for number in numbers if searches.documents[number] <= some]
        rest = [number for number in numbers if not searches.documents[number] & some]
    gate = min(GATE_QUESTIONS, len(rest) // 2)
    return Groups(voted, rest[:gate], rest[gate:])


def votes(searches: KeptSearches, numbers: Sequence[int], wrong: float, seed: int) -> list[VotedQuestion]:
    """The votes on these questions, of which a share is wrong."""
    chance = random.Random(seed)
    mistaken = frozenset(chance.sample(list(numbers), round(wrong * len(numbers))))
    return [_vote(searches, number, chance, mistaken=number in mistaken) for number in numbers]


def _vote(searches: KeptSearches, number: int, chance: random.Random, *, mistaken: bool) -> VotedQuestion:
    vector, places = searches.vectors[number], searches.gold[number]
    if mistaken:
        right = frozenset[int]().union(*places)
        first = searches.searched(number, vector).legs.dense[:20]
        places = (frozenset([chance.choice([int(hit.chunk_id) for hit in first if int(hit.chunk_id) not in right])]),)
    search = partial(_search, searches, number, places)
    best = max(frozenset[int]().union(*places), key=lambda chunk: float(searches.chunks[chunk] @ vector))
    return VotedQuestion(vector, search(vector), search, searches.chunks[best])


def _search(searches: KeptSearches, number: int, places: tuple[frozenset[int], ...], vector: Any) -> Searched:
    return searches.searched(number, vector, places)


def candidates(given: Sequence[VotedQuestion]) -> dict[str, Candidate]:
    """What is fitted with the weight alone, and with the map too."""
    choosing, held_out = given[::2], given[1::2]
    if not choosing:
        return {"weight": Candidate(LIVE, None), "both": Candidate(LIVE, None)}
    plain = MapFit(None, None, [each.searched for each in choosing], [each.searched for each in held_out])
    taught = fit_map(choosing, held_out, None, LIVE)
    return {"weight": Candidate(_weighed(plain), None), "both": Candidate(_weighed(taught), taught.taken)}


def _weighed(fit: MapFit) -> RetrievalParameters:
    tried = [LIVE.model_copy(update={"dense_weight": weight}) for weight in sorted({*WEIGHTS, LIVE.dense_weight})]
    return fitted(fit.choosing, fit.held_out, LIVE, tried)[0]


def scores(searches: KeptSearches, numbers: Sequence[int], candidate: Candidate) -> list[float]:
    """nDCG@10 of each question."""
    found = []
    for number in numbers:
        vector = searches.vectors[number]
        searched = searches.searched(number, candidate.taken.apply(vector) if candidate.taken else vector)
        fused = fuse(searched.legs.dense, searched.legs.sparse, candidate.parameters.dense_weight)
        ranks: dict[int, int] = {}
        for rank, hit in enumerate(fused[:10], start=1):
            for place in searched.held.get(hit.chunk_id, ()):
                ranks.setdefault(place, rank)
        found.append(ndcg(list(ranks.values()), searched.places, 10))
    return found


def curve(searches: KeptSearches, how: str) -> list[dict[str, Any]]:
    """A line for each number of votes and share of wrong ones that the set has questions for."""
    cells: dict[tuple[float, int], list[dict[str, Any]]] = defaultdict(list)
    for seed in SEEDS:
        parted = groups(searches, how, seed)
        live = {side: scores(searches, getattr(parted, side), Candidate(LIVE, None)) for side in ("gate", "back")}
        for wrong in WRONG:
            for count in (count for count in VOTES if count <= len(parted.voted)):
                started = time.perf_counter()
                fits = candidates(votes(searches, parted.voted[:count], wrong, seed))
                seconds = time.perf_counter() - started
                outcome = {name: _outcome(searches, parted, live, each) for name, each in fits.items()}
                cells[wrong, count].append({"seconds": seconds, **outcome})
    return [_line(wrong, count, found) for (wrong, count), found in sorted(cells.items())]


def _outcome(
    searches: KeptSearches, parted: Groups, live: dict[str, list[float]], candidate: Candidate
) -> tuple[Candidate, bool, GainComparison]:
    """The candidate, whether it was let through, and what it does to the questions kept back."""
    if not candidate.proposed:
        return candidate, False, compared(live["back"], live["back"])
    gate = compared(live["gate"], scores(searches, parted.gate, candidate))
    let_through = gate.interval is not None and gate.interval[0] > -TOLERATED
    return candidate, let_through, compared(live["back"], scores(searches, parted.back, candidate))


def _line(wrong: float, count: int, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "wrong": wrong,
        "votes": count,
        "seconds": round(fmean(each["seconds"] for each in found), 1),
    }
    for name in ("weight", "both"):
        outcomes = [each[name] for each in found]
        through = [gain for _, let_through, gain in outcomes if let_through]
        line["champion"] = round(fmean(gain.live for _, _, gain in outcomes), 4)
        line[name] = {
            "fitted": round(fmean(gain.difference for _, _, gain in outcomes), 4),
            "promoted": round(sum(gain.difference for gain in through) / len(outcomes), 4),
            "with_a_map": sum(candidate.taken is not None for candidate, _, _ in outcomes),
            "proposed": sum(candidate.proposed for candidate, _, _ in outcomes),
            "through": len(through),
            "below": [[gain.difference, *gain.interval] for gain in through if gain.difference < 0],
        }
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where the sets' vectors are kept")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--how", nargs="+", default=("shared", "other"), choices=("shared", "other"))
    chosen = parser.parse_args()
    result = {name: {how: curve(kept(name, chosen.cache), how) for how in chosen.how} for name in chosen.sets}
    save(
        {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(), "vote_learning": result}
    )


if __name__ == "__main__":
    main()
