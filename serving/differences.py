"""What an answer says of quoted sources that contradict one another. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.text.citation_marker import written
from core.types import Citation, DifferingSource, Passage, ScoredSentence
from serving.filters.outgoing import harmless, visible
from serving.grounding.contradictions import Contradiction
from serving.wording.wording import Wording

Differing = tuple[DifferingSource, DifferingSource]


def differences(
    found: Iterable[Contradiction], citations: Sequence[Citation], passages: Sequence[Passage]
) -> tuple[Differing, ...]:
    """The contradictions by the citations that show both sides."""
    dates = {passage.chunk.document_id: passage.date for passage in passages}

    def source(sentence: ScoredSentence, says: str) -> DifferingSource:
        chunk = sentence.chunk
        cited = next(
            each for each in citations if each.chunk.id == chunk.id and each.start <= sentence.start < each.end
        )
        return DifferingSource(cited, dates.get(chunk.document_id), says)

    return tuple((source(each.quoted, each.says.one), source(each.other, each.says.other)) for each in found)


def differences_note(differing: Iterable[Differing], words: Wording) -> str:
    """The paragraph that stands before the quotations, one line for each two sources."""
    return "\n\n".join(
        words.differ.format(one=_side(one, words), other=_side(other, words)) for one, other in differing
    )


def _side(source: DifferingSource, words: Wording) -> str:
    chunk = source.citation.chunk
    title = harmless(" ".join(chunk.title.split()))
    uri = visible("".join(chunk.uri.split())).replace("`", "")
    told = f"{title} (`{uri}`, {source.date or words.undated})"
    if source.says:
        told = words.says.format(source=told, value=harmless(" ".join(source.says.split())))
    return f"{told} {written(source.citation.marker)}"
