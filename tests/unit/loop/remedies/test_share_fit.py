"""The embedder's share, fitted language by language and cross-validated."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.release import RetrievalParameters
from loop.remedies.fit import Searched
from loop.remedies.share_fit import LEAST_QUESTIONS, ShareFit, changes_of, fit_shares
from tests.support.searched import searched, several

LIVE = RetrievalParameters(dense_weight=0.5, language_weights={"german": 0.5})


def asked(language: str, dense_rank: int, sparse_rank: int, count: int = LEAST_QUESTIONS) -> list[Searched]:
    return several(count, dense_rank, sparse_rank, language)


def fit(questions: list[Searched], live: RetrievalParameters = LIVE) -> dict[str, ShareFit]:
    return {each.language: each for each in fit_shares(questions, live)}


def test_each_language_gets_the_share_that_serves_its_questions() -> None:
    live = RetrievalParameters(dense_weight=0, language_weights={"german": 1})
    fits = fit_shares([*asked("english", 1, 30), *asked("german", 30, 1)], live)
    assert [(each.language, each.live) for each in fits] == [("", 0), ("german", 1)]
    assert fits[0].best > 0
    assert fits[1].best < 1
    changes = changes_of(fits)
    assert changes.keys() == {"retrieval.dense_weight", "retrieval.language_weights.german"}
    assert float(changes["retrieval.dense_weight"]) == fits[0].best


def test_a_language_without_a_share_of_its_own_gets_one_if_it_has_enough_questions_and_is_not_the_commonest() -> None:
    english = asked("english", 1, 30, LEAST_QUESTIONS + 1)
    assert fit([*english, *asked("thai", 30, 1)]).keys() == {"", "thai"}
    few = fit([*english, *asked("thai", 30, 1, LEAST_QUESTIONS - 1)])
    assert few.keys() == {""}
    assert few[""].gain.questions == 2 * LEAST_QUESTIONS


def test_a_share_is_not_taken_where_nothing_is_gained() -> None:
    fits = fit([*asked("english", 1, 1)])
    assert (fits[""].best, fits[""].taken) == (0.5, False)
    assert changes_of(list(fits.values())) == {}


def test_what_only_the_choosing_questions_gain_is_not_taken() -> None:
    # Where each leg ranks what is chance: another share fits these questions best, and not the next ones.
    chance = random.Random(30)
    questions = [searched(chance.randint(1, 40), chance.randint(1, 40), language="english") for _ in range(20)]
    found = fit(questions, RetrievalParameters(dense_weight=0.5))[""]
    assert found.best != found.live
    assert not found.taken
    assert found.gain.interval is not None
    assert found.gain.interval[0] <= 0


def test_too_few_questions_choose_nothing() -> None:
    with pytest.raises(InputError, match="too few questions to choose by: 19"):
        fit_shares(asked("english", 1, 30, 19), LIVE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=20, max_size=30))
def test_a_share_that_is_taken_gained_on_questions_that_did_not_choose_it(ranks: list[tuple[int, int]]) -> None:
    found = fit([searched(*each, language="english") for each in ranks])[""]
    assert 0 <= found.best <= 1
    if found.taken:
        assert found.gain.difference is not None
        assert found.gain.difference > 0
