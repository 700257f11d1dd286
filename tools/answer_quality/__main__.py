"""Ask sets of questions with known evidence through the whole pipeline, and say what the answers are worth.

    python -m tools.answer_quality golden fresh --cache var/quality
    python -m tools.answer_quality xquad clapnq-dev --data ../data --cache var/quality --half development \\
        --write after.json --against before.json

Each set is ingested once under the cache's folder. With --against, the difference to what an earlier run wrote is
printed, question by question paired, with its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.errors import RagloopError
from tools.answer_quality.installation import opened
from tools.answer_quality.interview import interview
from tools.answer_quality.measures import AskedQuestion
from tools.answer_quality.question_sets import NAMES, Half, question_set
from tools.answer_quality.table import comparison, table

_SEED = 7


def main(arguments: Sequence[str]) -> int:
    """Ask, print the table, write the questions. 2 if a set cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", choices=NAMES, help=", ".join(NAMES))
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of research sets")
    parser.add_argument("--cache", type=Path, required=True, help="where indexes are kept between runs")
    parser.add_argument("--limit", type=int, default=200, help="at most so many of a set's questions of each kind")
    parser.add_argument("--half", type=Half, choices=list(Half), help="only questions about documents of this half")
    parser.add_argument("--write", type=Path, help="the JSON file to write")
    parser.add_argument("--against", type=Path, help="what an earlier run wrote")
    parser.add_argument("--show", action="store_true", help="print every question with its answer")
    chosen = parser.parse_args(arguments)
    asked: dict[str, list[AskedQuestion]] = {}
    try:
        for name in chosen.sets:
            asked[name] = _asked(name, chosen)
    except RagloopError as error:
        print(f"Error: {error.message}\n{error.hint}", file=sys.stderr)
        return 2
    print(table(asked))
    if chosen.against:
        print(comparison(asked, _read(chosen.against)))
    if chosen.write:
        content = {name: [one.as_json() for one in rows] for name, rows in asked.items()}
        chosen.write.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _asked(name: str, chosen: argparse.Namespace) -> list[AskedQuestion]:
    questions = question_set(name, chosen.data).sampled(chosen.limit, _SEED, chosen.half)
    rows = []
    with opened(questions, chosen.cache) as (answerer, read):
        for case, answer, measured in interview(questions, answerer, read):
            rows.append(measured)
            if chosen.show:
                print(f"\n## {case.question}\n\nGold: {case.answer}\n\n{answer.text}\n", flush=True)
    return rows


def _read(path: Path) -> Mapping[str, list[AskedQuestion]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: [AskedQuestion(**row) for row in rows] for name, rows in content.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
