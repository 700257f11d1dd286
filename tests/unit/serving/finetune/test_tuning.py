"""A tuning from rows to adapter, with a random model and few steps. Importing torch and trl takes seconds."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import AdapterError, ConflictError, InputError
from core.settings import Settings, load_settings
from serving.adapters.store import AdapterStore
from serving.finetune.recipe import TuningOrder, make_order, make_recipe, run_folder
from serving.finetune.tuning import Tuner, TuningResult
from tests.support.tiny_model import tiny_model
from tests.support.training_rows import row, write_rows

ROWS = [row(number, rejected="I will not say.") for number in range(24)]


class Heard:
    """A progress that remembers, and does something at a step."""

    def __init__(self, at_step: int = 0, action: Callable[[], None] = lambda: None) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []
        self._at_step, self._action = at_step, action

    def say(self, line: str) -> None:
        self.lines.append(line)

    def step(self, name: str) -> None:
        self.lines.append(name)

    def at(self, done: int, of: int, detail: str) -> None:
        self.steps.append(done)
        if done == self._at_step:
            self._action()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine take longer than the work."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuning")
    tiny_model(folder / "model")
    write_rows(folder / "rows.jsonl", ROWS)
    return folder


def order(folder: Path, settings: Settings, method: str = "sft", **numbers: Any) -> TuningOrder:
    given = {"epochs": 2.0, "learning_rate": 1e-3, "rank": 4, **numbers}
    return make_order(settings, folder / "rows.jsonl", folder / "model", "base", make_recipe(method, **given))


@pytest.fixture(scope="module")
def home(folder: Path) -> Settings:
    return load_settings(home=folder / "home")


@pytest.fixture(scope="module")
def tuned(folder: Path, home: Settings) -> tuple[TuningResult, Heard]:
    heard = Heard()
    return Tuner(home, heard).run(order(folder, home)), heard


def test_the_adapter_is_in_the_store_with_what_is_known_of_its_training(
    tuned: tuple[TuningResult, Heard], home: Settings, folder: Path
) -> None:
    result, heard = tuned
    adapter = AdapterStore(home.adapters).get(result.adapter)
    assert (adapter.base_model, adapter.rank) == ("base", 4)
    wanted = order(folder, home)
    assert adapter.facts["base_digest"] == wanted.base.digest
    assert adapter.facts["dataset_sha256"] == wanted.training.sha256
    assert adapter.facts["parameters"]["epochs"] == 2.0
    taught = [json.loads(line) for line in (adapter.folder / "training.jsonl").read_text().splitlines()]
    assert len(taught) == len(ROWS)
    assert taught[0]["messages"][-1] == {"role": "assistant", "content": ROWS[0]["answer"]}
    assert heard.steps[-1] == result.steps
    assert result.train_rows + result.held_out_rows == len(ROWS)


def test_held_out_answers_are_likelier_after_than_before(tuned: tuple[TuningResult, Heard]) -> None:
    result, _ = tuned
    assert result.perplexity_after < result.perplexity_before * 0.99
    measured = [entry["eval_loss"] for entry in result.history if "eval_loss" in entry]
    assert result.held_out_loss == min(measured)
    assert [entry["step"] for entry in result.history if "eval_loss" in entry][-1] == result.steps


def test_the_same_order_is_not_trained_twice(tuned: tuple[TuningResult, Heard], home: Settings, folder: Path) -> None:
    heard = Heard()
    assert Tuner(home, heard).run(order(folder, home)) == tuned[0]
    assert heard.steps == []


def test_an_adapter_that_is_gone_is_trained_again_to_the_same_bytes(
    tuned: tuple[TuningResult, Heard], folder: Path, tmp_path: Path
) -> None:
    elsewhere = load_settings(home=tmp_path / "elsewhere")
    wanted = order(folder, elsewhere)
    assert Tuner(elsewhere, Heard()).run(wanted).adapter == tuned[0].adapter
    AdapterStore(elsewhere.adapters).remove(tuned[0].adapter)
    with pytest.raises(AdapterError):
        AdapterStore(elsewhere.adapters).get(tuned[0].adapter)
    heard = Heard()
    assert Tuner(elsewhere, heard).run(wanted).adapter == tuned[0].adapter
    assert heard.steps


def test_stopped_by_ctrl_c_it_goes_on_where_it_was_and_comes_to_the_same_adapter(
    tuned: tuple[TuningResult, Heard], folder: Path, tmp_path: Path
) -> None:
    settings = load_settings(home=tmp_path / "home")
    wanted = order(folder, settings)
    stopped = Heard(at_step=3, action=lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        Tuner(settings, stopped).run(wanted)
    assert stopped.steps == [1, 2, 3] or stopped.steps == [1, 2, 3, 4]
    assert not AdapterStore(settings.adapters).digests()
    went_on = Heard()
    result = Tuner(settings, went_on).run(wanted)
    assert went_on.steps[0] == stopped.steps[-1] + 1
    assert any("going on from checkpoint" in line for line in went_on.lines)
    assert result.adapter == tuned[0].adapter
    assert not (run_folder(settings.home, wanted.id) / "checkpoints").exists()


def test_stopped_behind_its_last_step_or_while_it_wrote_a_checkpoint_it_comes_to_the_same_adapter(
    tuned: tuple[TuningResult, Heard], folder: Path, tmp_path: Path
) -> None:
    settings = load_settings(home=tmp_path / "home")
    wanted = order(folder, settings)
    stopped = Heard(at_step=tuned[0].steps, action=lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        Tuner(settings, stopped).run(wanted)
    half_written = run_folder(settings.home, wanted.id) / "checkpoints" / f"checkpoint-{tuned[0].steps - 1}"
    (half_written / "trainer_state.json").write_text('{"global_')
    result = Tuner(settings, Heard()).run(wanted)
    assert (result.adapter, result.steps) == (tuned[0].adapter, tuned[0].steps)


def test_the_same_order_cannot_run_twice_at_the_same_time(folder: Path, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    wanted = order(folder, settings)
    refused: list[ConflictError] = []

    def try_again() -> None:
        with pytest.raises(ConflictError) as error:
            Tuner(settings, Heard()).run(wanted)
        refused.append(error.value)

    Tuner(settings, Heard(at_step=1, action=try_again)).run(wanted)
    assert refused


def test_dpo_learns_to_prefer_the_answer_to_the_rejected_one(folder: Path, home: Settings) -> None:
    result = Tuner(home, Heard()).run(order(folder, home, "dpo", epochs=3.0))
    margins = [entry["eval_rewards/margins"] for entry in result.history if "eval_rewards/margins" in entry]
    assert margins[0] == pytest.approx(0.0, abs=1e-6)
    assert margins[-1] > 0.01
    assert AdapterStore(home.adapters).get(result.adapter).facts["parameters"]["method"] == "dpo"


def test_dpo_sees_the_tokens_that_serving_sends(folder: Path, home: Settings, tmp_path: Path) -> None:
    from serving.finetune.base_model import end_tokens, load_model, load_tokenizer, quiet
    from serving.finetune.template import Encoder
    from serving.finetune.trainer import _trainer

    wanted = order(folder, home, "dpo")
    tokenizer = load_tokenizer(wanted.base)
    examples = Encoder(tokenizer, wanted.prompt, "english", end_tokens(wanted.base, tokenizer)).encode_all(
        wanted.training.rows[:3], 1024
    )
    with quiet():
        trainer = _trainer(load_model(wanted.base), tokenizer, wanted.recipe, (examples, examples), tmp_path)
    for example, seen in zip(examples, trainer.train_dataset, strict=True):
        assert seen["prompt_ids"] == list(example.prompt)
        assert seen["chosen_ids"] == list(example.answer)
        assert seen["rejected_ids"] == list(example.rejected or ())


def test_training_stops_when_what_is_held_out_gets_no_better(folder: Path, home: Settings) -> None:
    wanted = order(folder, home, learning_rate=1.0, epochs=12.0, patience=2)
    result = Tuner(home, Heard()).run(wanted)
    assert result.steps < 36
    assert result.held_out_loss == min(entry["eval_loss"] for entry in result.history if "eval_loss" in entry)


def test_an_adapter_can_be_merged_into_its_base(
    tuned: tuple[TuningResult, Heard], folder: Path, home: Settings, tmp_path: Path
) -> None:
    from serving.finetune.base_model import find_base, load_tokenizer
    from serving.finetune.merge import merge

    wanted, target = order(folder, home), tmp_path / "merged"
    adapter = AdapterStore(home.adapters).get(tuned[0].adapter)
    merge(wanted.base, adapter, target)
    merged = find_base(target)
    assert merged.digest != wanted.base.digest
    assert load_tokenizer(merged).chat_template == load_tokenizer(wanted.base).chat_template
    assert not [path.name for path in target.iterdir() if path.suffix in (".bin", ".pt")]
    with pytest.raises(InputError, match="exists already"):
        merge(wanted.base, adapter, target)


def test_a_merged_model_is_as_large_as_its_base_and_another_user_may_serve_it(
    tuned: tuple[TuningResult, Heard], folder: Path, home: Settings, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    from serving.finetune.base_model import find_base
    from serving.finetune.merge import merge

    half = tmp_path / "half"
    shutil.copytree(folder / "model", half)
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    weights = load_file(half / "model.safetensors")
    save_file(
        {name: tensor.bfloat16() for name, tensor in weights.items()}, half / "model.safetensors", {"format": "pt"}
    )

    merge(find_base(half), AdapterStore(home.adapters).get(tuned[0].adapter), tmp_path / "merged")
    assert {str(tensor.dtype) for tensor in load_file(tmp_path / "merged" / "model.safetensors").values()} == {
        "torch.bfloat16"
    }
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["dtype"] == "bfloat16"
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "merged").iterdir()} == {0o644}


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"epochs": 0.0}, "epochs"),
        ({"rank": 0}, "rank"),
        ({"rank": 1000}, "rank"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"batch": 6, "rows_at_once": 4}, "no multiple"),
        ({"held_out": 0.9}, "held_out"),
        ({"seed": -1}, "seed"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(numbers: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        make_recipe("sft", **numbers)


def test_an_unknown_method_prompt_or_name_is_refused(folder: Path, home: Settings) -> None:
    with pytest.raises(InputError, match="no method"):
        make_recipe("grpo")
    recipe = make_recipe("sft")
    with pytest.raises(InputError, match="no version 99"):
        make_order(home, folder / "rows.jsonl", folder / "model", "base", recipe, 99)
    with pytest.raises(InputError, match="name of a served model"):
        make_order(home, folder / "rows.jsonl", folder / "model", "../base model", recipe)


def test_where_the_training_libraries_are_not_installed_it_says_what_to_install(
    folder: Path, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "trl":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    wanted = order(folder, home)
    assert Tuner(home, Heard()).check(wanted), "rows can be checked without them"
    with pytest.raises(InputError, match="needs trl") as raised:
        Tuner(home, Heard()).run(wanted)
    assert "ragloop[tune]" in raised.value.hint
