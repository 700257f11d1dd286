"""`ragloop eval`: datasets of questions, and what the system makes of them."""

from __future__ import annotations

import typer

from app.cli.evals import (
    calibration as calibrating,
)
from app.cli.evals import (
    datasets,
    leakage,
    retrieval,
    retrieval_fit,
)
from app.cli.evals import (
    drafts as drafting,
)
from app.cli.evals import (
    runs as evaluating,
)

application = typer.Typer(
    help="Evaluate: datasets of questions, and what the system makes of them.", no_args_is_help=True
)
application.command("run")(evaluating.run)
application.command("show")(evaluating.show)
application.command("list")(evaluating.list_evaluations)
application.command("datasets")(datasets.list_datasets)
application.command("import")(datasets.import_dataset)
application.command("export")(datasets.export)
application.command("schema")(datasets.schema)
application.command("generate")(drafting.generate)
application.command("retrieval")(retrieval.retrieval)
application.command("fit-retrieval")(retrieval_fit.fit_retrieval)
application.command("leakage")(leakage.leakage)
application.command("calibrate")(calibrating.calibrate)
