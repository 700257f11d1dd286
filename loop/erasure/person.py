"""A person who is erased, as they are recognised in what repositories keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Row

from core.errors import NotFoundError
from core.loop.diagnosis import DiagnosisSubject
from core.loop.feedback import AcceptedCase, TrainingPair
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.erasure import Changed
from core.storage.interactions import InteractionRepository
from core.storage.loop.feedback import FeedbackRepository
from evals.cases.cases import Case
from loop.erasure.traces import Found, without_cases

_HINT = "`ragloop feedback list` shows who gave feedback."


class ErasedPerson:
    """Implements core.storage.erasure.Traces. Looks through the database once, before anything is erased. `keyless`
    says that answers without a key were theirs as well. Raises NotFoundError if there is nothing of them."""

    def __init__(self, database: Database, name: str, by: str, *, keyless: bool) -> None:
        self.by = by
        keys = {key.id for key in ApiKeyRepository(database).all() if key.name == name}
        repository = FeedbackRepository(database)
        keys |= {vote.api_key_id for vote in repository.every() if vote.author == name and vote.api_key_id}
        self._answers = InteractionRepository(database).asked_with(keys, keyless=keyless)
        given = {
            vote.id: vote.question
            for vote in repository.every()
            if vote.author == name or vote.interaction_id in self._answers
        }
        if not given and not self._answers:
            raise NotFoundError(f"There is nothing of {name[:100]}.", hint=_HINT)
        self._votes = given.keys()
        decisions = repository.decisions()
        contents = (each.content for vote, each in decisions.items() if vote in given)
        made = [content for content in contents if content is not None]
        self.cases: Collection[str] = {
            Case.model_validate(each.model_dump()).sha256 for each in made if isinstance(each, AcceptedCase)
        }
        self._taught = {
            text for each in made if isinstance(each, TrainingPair) for text in (each.question, each.answer)
        }
        self._subjects = {str(DiagnosisSubject.of_vote(vote)) for vote in given}
        asked = {*self._answers.values(), *given.values(), *(each.question for each in made)}
        # Names and numbers are one word: taking them out of a trigger's records would break them.
        self._said = {text for text in asked if len(text.split()) > 1}
        self._found = Found(lambda text: text in self._said or text in self._subjects)

    def without(self, value: Any) -> Any:
        return self._found.without(value)

    def taught(self, text: str) -> bool:
        return text in self._taught

    def answer(self, row: Row[Any]) -> Changed:
        return None if row.id in self._answers else {}

    def vote(self, row: Row[Any]) -> Changed:
        return None if row.id in self._votes else {}

    def decision(self, row: Row[Any]) -> Changed:
        return None if row.feedback_id in self._votes else {}

    def diagnosis(self, row: Row[Any]) -> bool:
        return row.subject in self._subjects or row.question in self._said

    def draft(self, content: Mapping[str, Any]) -> bool:  # noqa: ARG002  (a program drafted it)
        return False

    def evaluated(self, case_sha256: str, answer: Mapping[str, Any]) -> bool:  # noqa: ARG002
        return case_sha256 in self.cases

    def report(self, report: Mapping[str, Any]) -> Mapping[str, Any]:
        return without_cases(report, self.cases)
