"""Making the small model, with a few steps: what its folder holds and when it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from serving.finetune.base_model import end_tokens, find_base, load_model, load_tokenizer
from serving.finetune.recipe import answer_prompt
from tools.small_model.quoting_rows import RowMaker, RowShape, read_pages
from tools.small_model.recipe import (
    SHIPPED,
    Stage,
    encoded,
    main,
    make_small_model,
    recipe_in,
    recipe_of,
)

SHORT = RowShape((1, 1), (2, 3), (2, 2), made_up=1.0)
PAGE = (
    "# Travel\n\nThe team lead approves travel requests. Tea is free for everybody. The kitchen is cleaned on Friday.\n"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for number in range(8):
        (folder / f"page-{number}.md").write_text(PAGE.replace("Tea", f"Tea number {number}"))
    return folder


@pytest.fixture(scope="module")
def made(pages: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "small"
    assert make_small_model(folder, pages, [Stage(1, SHORT)])
    return folder


def test_the_folder_is_a_base_model_of_safetensors_alone_that_nothing_else_is_left_beside(made: Path) -> None:
    base = find_base(made)
    assert base.context_tokens == 2048
    assert {path.suffix for path in made.iterdir()} == {".json", ".jinja", ".safetensors"}
    assert [path.name for path in made.parent.iterdir()] == [made.name]
    assert load_model(base).config.head_dim == 64


def test_the_shipped_model_is_one_of_the_present_recipe_in_half_precision() -> None:
    assert recipe_in(SHIPPED) == recipe_of(), "make it anew: see docs/decisions/006-the-small-model-is-shipped.md"
    assert find_base(SHIPPED).context_tokens == 2048
    assert (SHIPPED / "model.safetensors").stat().st_size < 5_000_000


def test_what_is_learned_is_the_answer_behind_exactly_what_serving_sends(made: Path, pages: Path) -> None:
    base = find_base(made)
    tokenizer = load_tokenizer(base)
    turns = RowMaker(read_pages(pages), answer_prompt(2), 1).row(RowShape((2, 2), (2, 2), (1, 1)))
    messages = [{"role": turn.role, "content": turn.content} for turn in turns]
    sent = tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, return_dict=True)["input_ids"]
    tokens, labels = encoded(tokenizer, turns)
    assert tokens[: len(sent)] == sent
    assert labels == [-100] * len(sent) + tokens[len(sent) :]
    assert tokenizer.decode(tokens[len(sent) : -1]) == turns[-1].content
    assert tokens[-1:] == end_tokens(base, tokenizer)


def test_a_sentence_has_the_same_tokens_in_a_passage_and_in_an_answer(made: Path) -> None:
    tokenizer = load_tokenizer(find_base(made))
    inside = tokenizer("</passage>\nIt is so. [1] The kitchen is cleaned. [1]").input_ids
    alone = tokenizer("The kitchen is cleaned. [1]").input_ids
    assert inside[-len(alone) :] == alone


def test_the_heads_it_starts_with_copy_what_stood_before(made: Path) -> None:
    import torch

    model: Any = load_model(find_base(made)).eval()
    torch.manual_seed(1)
    once = torch.randint(5, model.config.vocab_size, (8, 50))
    with torch.no_grad():
        guessed = model(input_ids=torch.cat([once, once], dim=1)).logits[:, 50:-1].argmax(-1)
    assert (guessed == once[:, 1:]).float().mean() > 0.8


@pytest.mark.nightly
def test_the_same_pages_make_the_same_model(made: Path, pages: Path, tmp_path: Path) -> None:
    make_small_model(tmp_path / "again", pages, [Stage(1, SHORT)])
    assert find_base(tmp_path / "again").digest == find_base(made).digest


@pytest.mark.nightly
def test_a_model_that_is_there_is_left_alone_and_one_of_another_recipe_made_anew(pages: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    assert make_small_model(folder, pages, [Stage(1, SHORT)])
    assert not make_small_model(folder, pages, [Stage(1, SHORT)])
    before = find_base(folder).digest
    assert make_small_model(folder, pages, [Stage(2, SHORT)])
    assert find_base(folder).digest != before


@pytest.mark.parametrize("name", ["thesis.txt", "recipe.json"])
@pytest.mark.parametrize("content", ["years of work", "[1]", '{"recipe": "100 g of sugar", "made_by": "a cook"}'])
def test_a_folder_with_something_else_in_it_is_refused_and_untouched(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    assert main([str(tmp_path)]) == 2
    assert main([str(tmp_path / name)]) == 2
    assert "another folder" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == content


@pytest.mark.parametrize("pages", ["nowhere", "empty"])
def test_without_pages_nothing_is_made(pages: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no pages"):
        make_small_model(tmp_path / "model", tmp_path / pages, [Stage(1, SHORT)])
    assert not (tmp_path / "model").exists()
