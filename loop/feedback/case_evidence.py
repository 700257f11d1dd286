"""The evidence of a case that came of a complaint: what a better answer has to cite. Pure.

An answer that was voted down often cites a part of the right place: half a sentence of a chunk that was cut. A case
that takes the whole place for its evidence would call that answer right and guard nothing, so what was cited is left
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from core.loop.answer_snapshot import SnapshotCitation
from evals.cases.cases import GoldEvidence
from loop.feedback.training_rows import EvidencePlace

# Words that what is left must have: fewer are a rest of punctuation or of a cut word, and then the place stays whole.
FEWEST_WORDS = 2


def evidence_beyond(place: EvidencePlace, citations: Iterable[SnapshotCitation]) -> GoldEvidence:
    """The longest stretch of the place that none of the bad answer's citations covers; the place's own evidence where
    they cover none of it, or all."""
    cited = [span for citation in citations if (span := _span(place, citation)) is not None]
    if not cited:
        return place.evidence
    start, end = max(_left(place, sorted(cited)), key=lambda span: span[1] - span[0], default=(0, 0))
    quote = place.text[start:end].strip()
    if len(re.findall(r"\w+", quote)) < FEWEST_WORDS:
        return place.evidence
    return GoldEvidence(uri=place.evidence.uri, quote=quote, start=place.text.index(quote, start))


def _span(place: EvidencePlace, citation: SnapshotCitation) -> tuple[int, int] | None:
    """Where the citation overlaps the place; None if it does not, or the document has changed since."""
    start, end = citation.start, citation.end
    same = citation.uri == place.evidence.uri and place.text[start:end] == citation.quote
    return (start, end) if same and start < place.end and place.start < end else None


def _left(place: EvidencePlace, cited: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The stretches of the place between the cited spans, which are sorted."""
    position = place.start
    for start, end in cited:
        if start > position:
            yield position, start
        position = max(position, end)
    if position < place.end:
        yield position, place.end
