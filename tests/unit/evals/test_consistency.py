"""Whether answers to the same question in other words agree."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from evals.metrics.metric import Outcome, Row, Scored, Skipped
from tests.support.metric_rows import answer, citation, metric, row


def scored(*rows: Row) -> list[Outcome]:
    return list(asyncio.run(metric("consistency").score(rows)))


def values(*rows: Row) -> list[float]:
    return [found.value for found in scored(*rows) if isinstance(found, Scored)]


def asked(name: str, text: str = "tea is free", *cited: str, group: str = "g", abstained: bool = False) -> Row:
    given = answer(text, citations=[citation(quote) for quote in cited], abstained=abstained)
    return row(given, id=name, group=group)


def test_the_same_answer_with_the_same_citation_agrees_fully() -> None:
    assert values(asked("a", "tea is free [1]", "Tea is"), asked("b", "tea is free", "is free")) == pytest.approx(
        [1, 1]
    )


def test_the_same_words_from_other_evidence_agree_half() -> None:
    assert values(asked("a", "tea", "Tea is"), asked("b", "tea", "Coffee")) == pytest.approx([0.5, 0.5])


def test_a_refusal_agrees_with_a_refusal_only() -> None:
    refused, again, answered = asked("a", abstained=True), asked("b", abstained=True), asked("c")
    assert values(refused, again, answered) == pytest.approx([0.5, 0.5, 0.0])


def test_without_citations_the_meaning_decides() -> None:
    assert values(asked("a", "tea"), asked("b", "tea")) == pytest.approx([1, 1])
    assert values(asked("a", "tea"), asked("b", "coffee"))[0] < 0.5


def test_a_case_of_no_group_or_alone_in_its_group_is_skipped() -> None:
    assert all(isinstance(found, Skipped) for found in scored(asked("a", group=""), asked("b", group="lone")))


def test_groups_do_not_mix_and_order_does_not_matter() -> None:
    rows = [asked("a", "tea", group="g"), asked("b", "tea", group="g"), asked("c", "coffee", group="h")]
    rows.append(asked("d", "coffee with milk", group="h"))
    expected = dict(zip("abcd", scored(*rows), strict=True))
    for order in itertools.permutations(rows):
        for each, found in zip(order, scored(*order), strict=True):
            assert isinstance(found, Scored)
            assert found.value == pytest.approx(expected[each.case.id].value)  # type: ignore[union-attr]
