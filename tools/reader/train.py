"""Train a reader: `python -m tools.reader.train TABLE BASE OUT --device cuda --seconds 360`.

TABLE is what `prepare` wrote, BASE a folder with config.json and model.safetensors of the embedder. It takes as many
epochs as fit into the seconds, the rate falling to nothing at their end. OUT gets curves.json as it goes, the best
checkpoint on the dev questions (encoder-1, encoder-2 and heads, in bf16), and for it and for each rank that it is cut
to the scores of the measured pairs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from tools.reader.batches import CandidateMaker, Candidates, Sequences, places
from tools.reader.losses import KnownRows, losses
from tools.reader.low_rank import cut, joined, size
from tools.reader.mining import HybridSearch
from tools.reader.model import Reader
from tools.reader.rows import SOURCES, Split
from tools.reader.scoring import SplitFigures, score_pairs
from tools.reader.table import ReaderTable, narrowed

_RATE, _HEADS_TIMES, _DECAY = 1.5e-4, 5, 0.01
_WARM_UP = 0.04
_MINED = 40
_SEED = 7
RANKS = (16, 48)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long, how much at once, how often to look. `steps` ends it sooner; 0 does not."""

    device: str
    seconds: float
    steps: int
    tokens: int
    looks: int
    questions: int


def main(arguments: Sequence[str]) -> int:
    """Train, and write everything under OUT."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=360)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=65_536, help="about so many in a batch")
    parser.add_argument("--looks", type=int, default=8, help="how often the dev questions are looked at")
    parser.add_argument("--questions", type=int, default=1500, help="dev questions at most")
    parser.add_argument("--narrow", type=int, default=0, help="only so many questions of each split: a trial")
    chosen = parser.parse_args(arguments)
    table = ReaderTable.load(chosen.table)
    if chosen.narrow:
        table = narrowed(table, chosen.narrow)
    plan = TrainingPlan(chosen.device, chosen.seconds, chosen.steps, chosen.tokens, chosen.looks, chosen.questions)
    chosen.out.mkdir(parents=True, exist_ok=True)
    Training(table, chosen.base, chosen.out, plan).run()
    return 0


class Training:
    """One training, from the base model to scores."""

    def __init__(self, table: ReaderTable, base: Path, out: Path, plan: TrainingPlan) -> None:
        torch.manual_seed(_SEED)
        torch.set_float32_matmul_precision("high")
        self._table, self._base, self._out, self._plan = table, base, out, plan
        self._curves: list[Mapping[str, Any]] = []
        self._began = time.monotonic()
        self._sequences = Sequences(table, plan.device)
        encoder = load_base(base).to(plan.device)
        self._reader = Reader(encoder).to(plan.device)
        encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        self._start = {name: value.detach().clone() for name, value in encoder.state_dict().items()}

    def run(self) -> None:
        """Mine, train, cut, score."""
        self._reader.eval()
        search = HybridSearch(self._table, self._sequences, self._reader.encoder)
        dev = SplitFigures(self._table, self._sequences, search, Split.DEV, self._plan.questions)
        held_out = SplitFigures(self._table, self._sequences, search, Split.HELD_OUT, self._plan.questions)
        mined = self._mine(search)
        self._note(step=0, mined=float((mined >= 0).sum(1).mean()), **dev.of(self._reader))
        best = self._train(dev, CandidateMaker(self._table, mined, _SEED))
        self._save(best)
        self._judge("full", best, dev, held_out)
        start = {f"encoder.{name}": value.cpu() for name, value in self._start.items()}
        for rank in RANKS:
            kept = cut(start, best, rank)
            self._judge(f"rank-{rank}", joined(start, kept), dev, held_out, bytes=size(kept))

    def _mine(self, search: HybridSearch) -> Any:
        """For each question of the training part, passages that the search finds near and that are none of its own. One
        that is nearer than the passage that answers may well answer too: it is left out."""
        table, device = self._table, self._plan.device
        training = table.question_split[table.row_question] == Split.TRAIN
        fair = np.isin(table.question_source, [at for at, traits in enumerate(SOURCES.values()) if traits.mined])
        answered = np.unique(table.row_question[training & (table.row_label == 0) & fair[table.row_question]])
        mined = np.full((len(table.question_split), _MINED), -1, np.int64)
        if not len(answered):
            return mined
        pool = places(np.unique(table.row_passage[training]), device)
        own: dict[int, set[int]] = {}
        for question, passage in zip(table.row_question.tolist(), table.row_passage.tolist(), strict=True):
            own.setdefault(int(table.question_group[question]), set()).add(passage)
        found = search.find(places(answered, device), pool, 2 * _MINED)
        bound = self._own_cosines(search, answered)
        lines = zip(answered.tolist(), found.passages.tolist(), found.cosine.tolist(), bound, strict=True)
        for question, passages, cosines, most in lines:
            others = own[int(table.question_group[question])]
            fit = [one for one, cosine in zip(passages, cosines, strict=True) if one not in others and cosine < most]
            mined[question, : len(fit[:_MINED])] = fit[:_MINED]
        return mined

    def _own_cosines(self, search: HybridSearch, questions: Any) -> list[float]:
        """Each question's cosine with the passage that answers it, the nearest one where there are several."""
        table, device = self._table, self._plan.device
        asked = search.embed(self._sequences.question_starts, places(questions, device))
        rows = np.flatnonzero(np.isin(table.row_question, questions) & (table.row_label == 0))
        told = search.embed(self._sequences.passage_starts, places(table.row_passage[rows], device))
        line = np.searchsorted(questions, table.row_question[rows])
        cosines = (asked[places(line, device)] * told).sum(1).cpu().numpy()
        nearest = np.full(len(questions), -1.0)
        np.maximum.at(nearest, line, cosines)
        return list(nearest.tolist())

    def _train(self, dev: SplitFigures, maker: CandidateMaker) -> dict[str, Any]:
        """Steps until the time is over; the parameters that did best on the dev questions."""
        heads = self._reader.heads()
        encoder = [value for value in self._reader.encoder.parameters() if value.requires_grad]
        rates = [_RATE, _RATE * _HEADS_TIMES]
        optimizer = torch.optim.AdamW(
            [{"params": encoder}, {"params": list(heads.values())}], lr=_RATE, weight_decay=_DECAY
        )
        known = KnownRows.of(self._table, self._plan.device)
        best, best_score, looked, self._reader = self._parameters(), -1.0, 0, self._reader.train()
        sums: dict[str, list[Any]] = {}
        for step, (done, candidates) in enumerate(self._batches(maker), start=1):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * min(done / _WARM_UP, 1.0) * (1 + np.cos(np.pi * done)) / 2
            batch = self._sequences.batch(candidates.question, candidates.passage)
            reading = self._reader(batch)
            found = losses(reading, batch, candidates, known)
            optimizer.zero_grad(set_to_none=True)
            torch.stack(list(found.values())).sum().backward()
            torch.nn.utils.clip_grad_norm_(self._reader.parameters(), 1.0)
            optimizer.step()
            for name, value in found.items():
                sums.setdefault(name, []).append(value.detach())
            if done * self._plan.looks >= looked + 1 or done >= 1:
                looked = int(done * self._plan.looks)
                figures = dev.of(self._reader)
                means = {f"loss {name}": float(torch.stack(values).mean()) for name, values in sums.items()}
                self._note(step=step, done=round(done, 4), **means, **figures)
                sums = {}
                if figures["score"] > best_score:
                    best, best_score = self._parameters(), figures["score"]
        return best

    def _batches(self, maker: CandidateMaker) -> Iterator[tuple[float, Candidates]]:
        """Candidates of epoch after epoch, and the share of the training that is done after them. The last has 1."""
        began, step = time.monotonic(), 0
        for epoch in range(1000):
            self._note(epoch=epoch)
            for candidates in maker.epoch(self._plan.tokens, self._plan.device):
                step += 1
                done = (time.monotonic() - began) / self._plan.seconds
                if self._plan.steps:
                    done = max(done, step / self._plan.steps)
                yield min(done, 1.0), candidates
                if done >= 1:
                    return

    def _parameters(self) -> dict[str, Any]:
        return {name: value.detach().cpu().clone() for name, value in self._reader.state_dict().items()}

    def _save(self, parameters: Mapping[str, Any]) -> None:
        """The trained parameters, in files that stay below 16 MiB."""
        parts: dict[str, dict[str, Any]] = {"encoder-1": {}, "encoder-2": {}, "heads": {}}
        layers = self._reader.encoder.config.num_hidden_layers
        for name, value in parameters.items():
            if "word_embeddings" in name or "position_ids" in name:
                continue
            part = "encoder-1" if any(f".layer.{at}." in name for at in range(layers // 2)) else "encoder-2"
            kept = part if ".layer." in name else "heads"
            parts[kept][name] = value.to(torch.bfloat16).contiguous()
        for part, values in parts.items():
            save_file(values, self._out / f"{part}.safetensors")

    def _judge(
        self, name: str, parameters: Mapping[str, Any], dev: SplitFigures, held_out: SplitFigures, **noted: Any
    ) -> None:
        """Figures of these parameters on dev and held-out questions, and the scores of the measured pairs."""
        self._reader.load_state_dict({key: value.to(self._plan.device) for key, value in parameters.items()})
        self._note(variant=name, dev=dev.of(self._reader), held_out=held_out.of(self._reader), **noted)
        table = self._table
        rows = np.flatnonzero(table.question_split[table.row_question] == Split.MEASURED)
        if not len(rows):
            return
        questions, passages = (places(one[rows], self._plan.device) for one in (table.row_question, table.row_passage))
        read = score_pairs(self._reader, self._sequences, questions, passages)
        scores = {
            "relevance": read.relevance,
            "answerable": read.answerable,
            "sentence": read.sentence.half(),
            "sentences": read.sentences.to(torch.uint8),
        }
        save_file(scores, self._out / f"scores-{name}.safetensors")

    def _note(self, **values: Any) -> None:
        line = {"seconds": round(time.monotonic() - self._began, 1), **values}
        print(json.dumps(line), flush=True)
        self._curves.append(line)
        (self._out / "curves.json").write_text(json.dumps(self._curves, indent=1), encoding="utf-8")


def load_base(folder: Path) -> Any:
    """The embedder's transformer, in float32."""
    config = BertConfig.from_json_file(str(folder / "config.json"))
    config.attention_probs_dropout_prob = 0.0
    encoder = BertModel(config, add_pooling_layer=False)
    weights = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
    encoder.load_state_dict(
        {name: value for name, value in weights.items() if not name.startswith("pooler.")}, strict=False
    )
    return encoder


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
