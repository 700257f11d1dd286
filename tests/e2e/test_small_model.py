"""The small model as it is made for tests: it quotes what it is asked for, from pages that it was never trained on."""

from __future__ import annotations

import pytest

from serving.finetune.small_model import HANDBOOK
from serving.finetune.small_score import score
from tests.vllm_server import small_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(("passages", "sentences", "markers"), [(1, 0.6, 0.9), (4, 0.4, 0.6)])
def test_it_quotes_the_sentence_that_is_asked_for_with_its_marker(
    passages: int, sentences: float, markers: float
) -> None:
    """Bars well below what was measured: they tell a model that quotes from one that does not."""
    measured = score(small_model(), HANDBOOK, passages)
    assert measured.rows >= 100
    assert measured.sentences / measured.rows >= sentences, measured.line()
    assert measured.markers / measured.rows >= markers, measured.line()
