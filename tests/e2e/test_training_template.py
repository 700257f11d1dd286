"""What is trained on against the real vLLM: the same tokens, from the same chat template."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from serving.finetune.base_model import end_tokens, find_base, load_tokenizer
from serving.finetune.dataset import NumberedRow
from serving.finetune.recipe import answer_prompt
from serving.finetune.template import Encoder
from tests.support.training_rows import hostile_rows
from tests.support.vllm_server import NAME, SMALL_MODEL, VLLMServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_a_rows_prompt_has_the_tokens_that_vllm_makes_of_the_same_question(vllm: VLLMServer) -> None:
    base = find_base(SMALL_MODEL)
    tokenizer = load_tokenizer(base)
    encoder = Encoder(tokenizer, answer_prompt(None), "english", end_tokens(base, tokenizer))
    for line, row in enumerate(hostile_rows(12), start=1):
        example = encoder.encode(NumberedRow(line, row))
        messages = [{"role": turn.role, "content": turn.content} for turn in example.turns]
        assert list(example.prompt) == _served_tokens(vllm, messages)


def _served_tokens(vllm: VLLMServer, messages: list[dict[str, str]]) -> Any:
    body = json.dumps({"model": NAME, "messages": messages}).encode()
    url = vllm.url.removesuffix("/v1") + "/tokenize"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["tokens"]
