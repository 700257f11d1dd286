"""The `ragloop` command's root: its groups, its help, and how errors end it.

Exit codes: 0 done, 1 failed, 2 the call was at fault (the message says how), 130 interrupted.
Modules are imported by the commands that need them, so `ragloop --help` starts in a fraction of a second.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from app.cli import (
    answers as answering,
)
from app.cli import (
    doctor,
    documents,
    index,
    keys,
    prompts,
    releases,
    usage,
)
from app.cli.console import note, report
from app.cli.evals import group as evaluations
from app.cli.loop import feedback, triggers
from app.cli.served import adapters, models
from app.cli.served import tune as tuning
from core.errors import RagloopError

application = typer.Typer(
    name="ragloop",
    help="Answers from your own documents, with citations.\n\n"
    "Begin with: ragloop ingest FOLDER, then ragloop ask 'a question', or ragloop serve for the web page.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing rich to draw boxes would triple the time that --help takes
)
application.command("ingest")(documents.ingest)
application.command("ask")(answering.ask)
application.command("search")(answering.search)
application.command("serve")(answering.serve)
application.command("usage")(usage.usage)
application.command("doctor")(doctor.doctor)
application.command("verify")(documents.verify)
application.command("delete")(documents.delete)
application.command("tune")(tuning.tune)
application.add_typer(index.application, name="index")
application.add_typer(releases.application, name="release")
application.add_typer(evaluations.application, name="eval")
application.add_typer(feedback.application, name="feedback")
application.add_typer(triggers.application, name="triggers")
application.add_typer(adapters.application, name="adapters")
application.add_typer(models.application, name="model")
application.add_typer(prompts.application, name="prompts")
application.add_typer(keys.application, name="keys")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Never shows a traceback for a deliberate error."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        application(args=list(arguments), standalone_mode=True)
    except RagloopError as error:
        report(error, as_json="--json" in arguments)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("Interrupted.")
        sys.exit(130)


if __name__ == "__main__":
    main()
