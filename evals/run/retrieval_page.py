"""What retrieval missed, as one HTML file that loads nothing."""

from __future__ import annotations

from evals.report.page import standalone
from evals.run.retrieval import DEPTH, RetrievalReport

# Misses shown with their passages; a file of more is read by nobody.
MOST_SHOWN = 200
# Characters of a passage that are shown.
MOST_PASSAGE = 300


def misses_page(dataset: str, release: str, report: RetrievalReport) -> str:
    """The figures, and of each miss its evidence and what was found instead."""
    return standalone(
        "retrieval_file.html",
        dataset=dataset,
        release=release,
        report=report,
        shown=report.misses[:MOST_SHOWN],
        depth=DEPTH,
        most=MOST_PASSAGE,
    )
