"""What diagnosis makes of real people's complaints: FeedbackQA's ratings and explanations given as feedback on its own
answers, which are sections of public-health pages. Needs ../shared/data/feedbackqa.

    python -m tests.benchmarks.feedbackqa [--sample 150] [--seed 1] [--citations-too] [--read FILE]

Every section is a document. An answer is the section that the test set's system gave, cited as such; Excellent and
Acceptable are votes up, Could be Improved and Bad votes down, the explanation is the comment, and nobody corrects
anything. With `--citations-too` a vote down goes to the answer's citations as well. Of the answers that somebody rated Bad
a sample is diagnosed.

Where people rated another section as good for the same question, that section is what should have been found: then the
right cause is known without anybody's judgement. `--read` writes 50 of the sample out to be read. feedbackqa_judged.json has
what was judged right for the 50 of the defaults: the causes that would be right, and whether the place that was shown as
evidence answers the question (`right`), has to do with it (`near`), or does not (`wrong`).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import RagloopError
from core.loop.diagnosis import Cause, Diagnosis
from core.loop.enums import Vote
from core.loop.feedback import CitationVote, Feedback
from core.release import Release
from core.settings import load_settings
from core.storage.documents import DocumentRepository
from core.storage.interactions import InteractionRepository
from core.storage.releases import ReleaseRepository
from core.telemetry import configure_logging
from core.types import AccessScope, Answer, Citation, Passage, Retrieval, Usage, chunk_id, document_id
from evals.cases.foreign_files import uri_of
from loop.diagnosis.diagnoser import Diagnoser
from loop.feedback.votes import Author, FeedbackOrder, FeedbackService
from serving.factory import Services, build_answerer
from serving.releases.first import first_manifest
from tests.benchmarks import machine
from tests.benchmarks.figures import spread
from tests.benchmarks.questions import DATA, MODELS, documents_of, ingest, opened
from tests.benchmarks.run import save
from tools.importers.feedbackqa import FILE, read
from tools.importers.research_set import file_name, write_documents

FEEDBACKQA = DATA / "feedbackqa"
JUDGED = Path(__file__).with_name("feedbackqa_judged.json")
SOURCE = "documents"
READ_BY_HAND = 50
# One person gives at most 200 votes a day, and nobody says who rated what: so many answers have the same raters.
ANSWERS_OF_A_RATER = 150
UP = frozenset({"Excellent", "Acceptable"})
FOUND_ELSEWHERE = frozenset({Cause.RANKING_MISS, Cause.RETRIEVAL_MISS})


@dataclass
class Rated:
    """An answer of the test set. `key` names it; `place` counts the answers to the same question."""

    key: str
    question: str
    uri: str
    ratings: Sequence[str]
    explanations: Sequence[str]
    place: int
    good_elsewhere: Sequence[str] = ()
    votes: list[Feedback] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return sum(rating == "Bad" for rating in self.ratings)


def rated_answers(folder: Path) -> list[Rated]:
    """Every answer with its ratings, and the sections that both people found good for the same question."""
    found = []
    for file in sorted(folder.glob(f"*/{FILE}")):
        region = file.parent.name
        asked: Counter[str] = Counter()
        for number, row in enumerate(json.loads(file.read_text(encoding="utf-8")), start=1):
            uri = uri_of(SOURCE, f"{file_name(region, '')}/{row['passage']['passage_id']}.md")
            question = row["question"]
            key = f"{region.lower()}-{number:03}"
            found.append(Rated(key, question, uri, row["rating"], row["feedback"], asked[question]))
            asked[question] += 1
    good = defaultdict(set)
    for one in found:
        if UP.issuperset(one.ratings):
            good[one.key.partition("-")[0], one.question].add(one.uri)
    for one in found:
        one.good_elsewhere = sorted(good[one.key.partition("-")[0], one.question] - {one.uri})
    return found


def give(services: Services, release: Release, answers: Sequence[Rated], citations_too: bool) -> None:
    """Put every answer on record, and every rating as a vote."""
    feedback = FeedbackService(services.database)
    for number, answer in enumerate(answers):
        interaction_id, markers = _record(services, release, answer)
        for rater, (rating, explanation) in enumerate(zip(answer.ratings, answer.explanations, strict=True)):
            name = f"rater {rater}, answer {answer.place}, {number // ANSWERS_OF_A_RATER}"
            vote = Vote.UP if rating in UP else Vote.DOWN
            cited = tuple(CitationVote(marker, vote) for marker in markers if citations_too and vote is Vote.DOWN)
            order = FeedbackOrder(interaction_id, vote, comment=" ".join(explanation.split())[:2000], citations=cited)
            answer.votes.append(feedback.give(Author(name, None, None, "import"), order).feedback)


def _record(services: Services, release: Release, answer: Rated) -> tuple[str, list[int]]:
    """The answer's id, and the markers of its citations."""
    collection = release.manifest.collection.name
    key = document_id(answer.uri)
    count = DocumentRepository(services.database).entries(collection)[key].chunks
    ids = [chunk_id(key, ordinal) for ordinal in range(count)]
    chunks = services.index.fetch(collection, ids, AccessScope.everything())
    passages = tuple(Passage(one.chunk, one.content_sha256, 1.0, {}) for one in chunks)
    citations = tuple(
        Citation(marker, one.chunk, one.chunk.start, one.chunk.end, one.chunk.text, 1.0)
        for marker, one in enumerate(chunks, start=1)
    )
    retrieval = Retrieval(answer.question, passages, collection, services.index.revision(collection), {})
    given = Answer(
        "\n\n".join(f"{citation.quote} [{citation.marker}]" for citation in citations), False, False, citations,
        retrieval, None, release.id, str(uuid.uuid4()), Usage(0, 0), {"total": 0.0, "retrieve": 0.0},
    )  # fmt: skip
    InteractionRepository(services.database).record(
        given, question=answer.question, history=(), origin="api", api_key_id=None, prompt={}
    )
    return given.interaction_id, [citation.marker for citation in citations]


def diagnose(services: Services, sample: Sequence[Rated]) -> tuple[dict[str, Diagnosis], dict[str, str], list[float]]:
    """The diagnosis of each, by key; the reasons of those that could not be diagnosed; the seconds that each took."""
    diagnoser, made, failed, seconds = Diagnoser(services), {}, {}, []
    for answer in sample:
        vote = next(vote for vote in answer.votes if vote.vote is Vote.DOWN)
        started = time.perf_counter()
        try:
            made[answer.key] = diagnoser.feedback(vote)
        except RagloopError as error:
            failed[answer.key] = error.message
        seconds.append(time.perf_counter() - started)
    return made, failed, seconds


def figures(sample: Sequence[Rated], made: Mapping[str, Diagnosis]) -> dict[str, Any]:
    """Shares and distributions. `known` are the answers that both people rated Bad, and for whose question both found
    another section good: the right passage is there, and was not in the context."""
    known = [answer for answer in sample if answer.key in made and answer.bad == 2 and answer.good_elsewhere]
    elsewhere = [answer for answer in known if made[answer.key].cause in FOUND_ELSEWHERE]
    named = [a for a in known if set(a.good_elsewhere) & set(made[a.key].evidence.documents)]
    return {
        "answers": len(sample),
        "with_a_cause": len(made),
        "causes": dict(Counter(diagnosis.cause.value for diagnosis in made.values()).most_common()),
        "causes_where_both_said_bad": _causes(made, [answer for answer in sample if answer.bad == 2]),
        "certainty": spread([diagnosis.certainty for diagnosis in made.values()]),
        "known": {
            "answers": len(known),
            "causes": _causes(made, known),
            "told_as_found_elsewhere": len(elsewhere),
            "evidence_names_the_good_section": len(named),
        },
    }


def _causes(made: Mapping[str, Diagnosis], answers: Sequence[Rated]) -> dict[str, int]:
    return dict(Counter(made[answer.key].cause.value for answer in answers if answer.key in made).most_common())


def to_be_read(sample: Sequence[Rated], made: Mapping[str, Diagnosis], seed: int) -> list[Rated]:
    """The 50 that a person reads."""
    there = [answer for answer in sample if answer.key in made]
    return random.Random(seed).sample(there, min(READ_BY_HAND, len(there)))


def agreement(judged: Mapping[str, Any], made: Mapping[str, Diagnosis]) -> dict[str, Any]:
    """How many diagnoses are what was judged right by reading, by the cause that was told; and beside it how many there
    would be if nothing but the most frequent cause were ever told."""
    read_ones = {key: verdict["right"] for key, verdict in judged.items() if key in made}
    told = Counter(made[key].cause.value for key in read_ones)
    right = Counter(made[key].cause.value for key in read_ones if made[key].cause.value in read_ones[key])
    always = Counter(cause for causes in read_ones.values() for cause in causes)
    return {
        "read": len(read_ones),
        "agreed": right.total(),
        "by_cause": {cause: [right[cause], count] for cause, count in told.most_common()},
        "agreed_by_always_telling_the_same": max(always.values(), default=0),
        "places_when_read": dict(Counter(str(verdict["place"]) for verdict in judged.values())),
        "disagreements": sorted(key for key in read_ones if made[key].cause.value not in read_ones[key]),
    }


def main() -> None:
    """Ingest, give, diagnose a sample, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--citations-too", action="store_true", help="vote down the citations of bad answers too")
    parser.add_argument("--read", type=Path, help="write what a person reads, as JSON lines; holds the test set's text")
    chosen = parser.parse_args()
    configure_logging("error")
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(home=Path(scratch) / "home")
        settings.home.mkdir()
        (settings.home / "models").symlink_to(MODELS)
        write_documents(documents_of(settings), read(FEEDBACKQA, SOURCE).documents)
        manifest = first_manifest(settings, ingest(settings))
        with opened(settings) as services:
            release = ReleaseRepository(services.database).install_first(manifest, "bench", "a benchmark")
            result = _measure(services, release, chosen)
    save({"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine.describe(), "feedbackqa": result})


def _measure(services: Services, release: Release, chosen: argparse.Namespace) -> dict[str, Any]:
    answers = rated_answers(FEEDBACKQA)
    give(services, release, answers, chosen.citations_too)
    bad = [answer for answer in answers if answer.bad]
    sample = random.Random(chosen.seed).sample(bad, min(chosen.sample, len(bad)))
    made, failed, seconds = diagnose(services, sample)
    chosen_ones = to_be_read(sample, made, chosen.seed)
    if chosen.read:
        _write(services, release, chosen.read, chosen_ones, made)
    return {
        "votes": {vote.value: sum(one.vote is vote for a in answers for one in a.votes) for vote in Vote},
        "standings": dict(Counter(one.standing.value for answer in answers for one in answer.votes)),
        "rated_bad_by_somebody": len(bad),
        "seed": chosen.seed,
        "citations_voted_down_too": chosen.citations_too,
        **figures(sample, made),
        "not_diagnosed": failed,
        "seconds": spread(seconds),
        "to_be_read": [answer.key for answer in chosen_ones],
        "by_hand": agreement(json.loads(JUDGED.read_text(encoding="utf-8")), made),
    }


def _write(
    services: Services, release: Release, path: Path, answers: Sequence[Rated], made: Mapping[str, Diagnosis]
) -> None:
    """What a person needs to judge a diagnosis: the answer, the explanations, what was found, and what a search over
    all sections finds first."""
    retriever = build_answerer(services, release, recorded=False).retriever
    with path.open("w", encoding="utf-8") as file:
        for answer in answers:
            found = retriever.retrieve(answer.question, AccessScope.everything(), 6).passages
            diagnosis = made[answer.key]
            row = {
                "key": answer.key,
                "question": answer.question,
                "given": [answer.uri, answer.votes[0].answer],
                "ratings": list(zip(answer.ratings, answer.explanations, strict=True)),
                "good_elsewhere": list(answer.good_elsewhere),
                "diagnosis": [
                    diagnosis.cause.value,
                    diagnosis.certainty,
                    diagnosis.summary,
                    diagnosis.evidence.model_dump(mode="json"),
                ],
                "search": [[passage.chunk.uri, passage.chunk.title, passage.chunk.text] for passage in found],
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
