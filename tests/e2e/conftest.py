"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.needs import Need, is_here, lacking
from tests.support.vllm_server import VLLMServer, vllm_server


@pytest.fixture(scope="session")
def vllm() -> Iterator[VLLMServer]:
    """The real vLLM with the small model. A test that ends it starts it again."""
    if not is_here(Need.VLLM):
        lacking(Need.VLLM)
    with vllm_server() as server:
        yield server
