"""The small model as it is made for tests: it quotes from pages that it was never trained on."""

from __future__ import annotations

import pytest

from serving.finetune.small_model import HANDBOOK
from serving.finetune.small_score import score
from tests.vllm_server import small_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize(("passages", "sentences", "markers"), [(1, 0.1, 0.5), (4, 0.04, 0.15)])
def test_it_quotes_sentences_that_are_asked_for_with_their_markers(
    passages: int, sentences: float, markers: float
) -> None:
    """Bars well below what was measured: they tell a model that quotes from one that does not."""
    measured = score(small_model(), HANDBOOK, passages)
    assert measured.rows >= 100
    assert measured.sentences / measured.rows >= sentences, measured.line()
    assert measured.markers / measured.rows >= markers, measured.line()
