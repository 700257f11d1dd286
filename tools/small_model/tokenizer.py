"""The small model's tokenizer: byte-level BPE over the handbook, and a chat template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serving.prompts.template import PromptTemplate

# Of whole words, mostly: what is copied token by token slips less often the fewer tokens there are.
VOCABULARY = 8192
CONTEXT_TOKENS = 2048

PAD, END = "<|pad|>", "<|end|>"
_SPECIAL = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>")

# Every message is its role's token, its text and the end token. `generation` marks what the model writes itself.
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{- '<|' + message['role'] + '|>' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}
{%- else -%}
{{- message['content'] + '<|end|>' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""

# A space belongs to the lower-case word behind it and to nothing else: so a sentence that begins with a capital, a
# digit or a sign has the same tokens in the middle of a passage and at the start of an answer.
_PIECES = r" ?[a-z]+|[A-Z]?[a-z]+|[A-Z]+|\d|\n\s*| +|[^\sA-Za-z\d]"


def make_tokenizer(texts: Sequence[str], prompt: PromptTemplate) -> Any:
    """A transformers tokenizer for texts like these and for this prompt. The same texts make the same tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # What stands in every prompt is repeated until its words are tokens of their own.
    tokenizer.train_from_iterator([*texts, *[f"{prompt.system}\n{prompt.template}"] * 50], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, model_max_length=CONTEXT_TOKENS
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
