"""`ragloop model`: what a model server and `ragloop tune` take, made of what models come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import say

application = typer.Typer(no_args_is_help=True, help="Models in other formats than the model server takes.")


@application.command("convert")
def convert(
    file: Annotated[Path, typer.Argument(help="The model as one GGUF file.")],
    folder: Annotated[Path, typer.Argument(help="The folder to write, which must not exist yet.")],
    sha256: Annotated[str | None, typer.Option(help="Refuse another file than the one with this SHA-256.")] = None,
) -> None:
    """Make a folder of a GGUF file: weights as safetensors, tokenizer, chat template.

    Quantised weights are unpacked to float32. A folder
    that was made of the same file is left as it is.

    \b
    ragloop model convert SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2
    make vllm MODEL=models/smollm2
    """
    from core.telemetry import configure_logging

    configure_logging("warning")
    from serving.finetune.gguf_model import convert as converted

    written = converted(file, folder, sha256=sha256)
    say(f"{folder} is written." if written else f"{folder} was made of this file before.")
