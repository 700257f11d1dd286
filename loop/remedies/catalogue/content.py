"""The remedy for questions that the documents do not answer: whoever owns them is asked to write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from core.loop.diagnosis import Cause
from core.loop.feedback import Firing, RemedyProposal
from loop.remedies.port import AskedPeople, Remedy, Say

if TYPE_CHECKING:
    from loop.remedies.diagnosed import Diagnosed
    from serving.factory import Services


class ContentProposal(RemedyProposal):
    """What is asked for: an answer to these questions, and the source where it would belong, as far as they tell."""

    kind: Literal["content"] = "content"
    source: str | None
    questions: tuple[str, ...]


def _first_form(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A proposal from before proposals had a version."""
    return {"kind": "content", **stored}


class AskForContent(Remedy[ContentProposal]):
    """Asks people to write."""

    name = "content"
    causes = frozenset({Cause.CORPUS_GAP})
    upcasts = (_first_form,)
    asks_people = True

    def propose(self, services: Services, firing: Firing, say: Say) -> ContentProposal:
        from loop.remedies.diagnosed import DiagnosedQuestions

        return content_request(DiagnosedQuestions(services.database).of(firing, self.causes))

    def in_words(self, proposal: ContentProposal) -> str:
        where = f" of {proposal.source}" if proposal.source else ""
        count = len(proposal.questions)
        about = f"{count} question{'' if count == 1 else 's'}" if count else "what people ask now: see /gaps"
        return f"Whoever keeps the documents{where} is asked to write about {about}."

    def carry_out(self, services: Services, firing: Firing, proposal: ContentProposal, say: Say) -> AskedPeople:
        return AskedPeople(self.in_words(proposal))

    def read(self, form: Any) -> ContentProposal:
        return ContentProposal.model_validate(form)


REMEDY = AskForContent()


def content_request(questions: Sequence[Diagnosed]) -> ContentProposal:
    """The source is the one that most of the documents near the questions are from. Pure."""
    sources = Counter(uri.partition("/")[0] for each in questions for uri in each.documents)
    asked = tuple(dict.fromkeys(each.question for each in questions))
    return ContentProposal(source=sources.most_common(1)[0][0] if sources else None, questions=asked)
