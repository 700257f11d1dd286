"""Answers that people scored, out of MTRAG's evaluations (Katsis et al. 2025; InspectorRAGet's format), as the JSONL of
`ragloop eval calibrate`:

    python -m tools.importers.mtrag_ratings reference_subset_with_human_evaluations.json --answers rated.jsonl
    ragloop eval calibrate rated.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from core.errors import InputError, RagloopError
from evals.calibration.rated_answers import RatedAnswer
from tools.importers.research_set import write_lines


def main(arguments: Sequence[str]) -> int:
    """Read, write, and say what was written. 2 if the file cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="MTRAG's file of evaluations")
    parser.add_argument("--answers", type=Path, required=True, metavar="FILE", help="the JSONL file to write")
    parser.add_argument("--rating", default="faithfulness", help="which of people's scores to take")
    chosen = parser.parse_args(arguments)
    try:
        answers = read_mtrag(chosen.path, chosen.rating)
        write_lines(chosen.answers, (answer.model_dump_json() for answer in answers))
    except RagloopError as error:
        print(f"Error: {error.message}\n{error.hint}", file=sys.stderr)
        return 2
    print(f"{len(answers)} answers in {chosen.answers}: ragloop eval calibrate {chosen.answers}")
    return 0


def read_mtrag(path: Path, rating: str) -> list[RatedAnswer]:
    """The answers of the file that have a context and people's scores for `rating` (faithfulness, say), each score
    being the mean of the people's. Raises InputError for a file in another form."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        documents = {document["document_id"]: document["text"] for document in content["documents"]}
        tasks = {task["task_id"]: task for task in content["tasks"]}
        rated = [_rated(entry, tasks[entry["task_id"]], documents, rating) for entry in content["evaluations"]]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path.name} is no evaluation file of MTRAG: {type(error).__name__}: {error}.",
            hint="It is called reference_subset_with_human_evaluations.json there.",
        ) from error
    found = [answer for answer in rated if answer is not None]
    if not found:
        raise InputError(f"{path.name} has no answer that people scored for {rating}.")
    return found


def _rated(
    entry: Mapping[str, Any], task: Mapping[str, Any], documents: Mapping[str, str], rating: str
) -> RatedAnswer | None:
    scores = [float(given["value"]) for given in entry["annotations"].get(rating, {}).values()]
    contexts = [documents[context["document_id"]] for context in task["contexts"]]
    answer = entry["model_response"].strip()
    if not scores or not contexts or not answer:
        return None
    return RatedAnswer(
        id=f"{entry['task_id']}/{entry['model_id']}",
        question=_conversation(task["input"]),
        contexts=tuple(contexts),
        answer=answer,
        score=mean(scores),
    )


def _conversation(turns: Sequence[Mapping[str, Any]]) -> str:
    """A single question as it is; a longer conversation as it is put to a judge."""
    if len(turns) == 1:
        return str(turns[0]["text"])
    return "\n".join(f"{'user' if turn['speaker'] == 'user' else 'assistant'}: {turn['text']}" for turn in turns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
