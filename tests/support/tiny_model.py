"""A random Llama of a few thousand weights with its own tokenizer and chat template: made in a second, knows nothing."""

from __future__ import annotations

from pathlib import Path

from serving.prompts.library import PROMPTS

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]


def tiny_model(folder: Path, *, seed: int = 0, context: int = 1024, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """A folder as save_pretrained writes it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), pad_token=_SPECIAL[0], eos_token=_SPECIAL[1])
    if chat_template:
        tokenizer.chat_template = chat_template
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=context,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> object:
    """Byte-level BPE, learned from the prompt that every row has, so that rows are short."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        vocab_size=600,
        show_progress=False,
    )
    tokenizer.train_from_iterator([path.read_text() for path in sorted(PROMPTS.glob("answer/*.yaml"))], trainer)
    return tokenizer
