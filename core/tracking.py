"""MLflow, the record of evaluations and of training runs: where it is, and how its failures are told.

By default it lives in the home folder and needs no server. What is logged there is always a copy of something we keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UnavailableError
from core.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow cuts or refuses longer parameters, depending on its store.
LONGEST_PARAMETER = 500


def tracking_uri(settings: Settings) -> str:
    """Where MLflow keeps its records: `settings.mlflow_tracking_uri`, else a database file in the home folder."""
    return settings.mlflow_tracking_uri or f"sqlite:///{_folder(settings) / 'mlflow.db'}"


def has_records(settings: Settings) -> bool:
    """Whether something may have been logged: a server was named, or the file in the home folder is there."""
    return settings.mlflow_tracking_uri is not None or (_folder(settings) / "mlflow.db").exists()


@contextmanager
def open_experiment(settings: Settings, name: str, lost: str, hint: str) -> Iterator[tuple[MlflowClient, str]]:
    """A client and the id of the experiment `name`, which is made if it is not there.

    Raises UnavailableError, also for what fails in the block, when the tracking server or its store cannot be used:
    `lost` says what is not logged now ("The evaluation is not in MLflow"), `hint` how to do it again.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield _experiment(settings, name)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnavailableError(f"{lost}: {reason}", hint=hint) from error


def _experiment(settings: Settings, name: str) -> tuple[MlflowClient, str]:
    from mlflow import MlflowClient

    artifacts: str | None = None
    if settings.mlflow_tracking_uri is None:
        _folder(settings).mkdir(parents=True, exist_ok=True)
        artifacts = (_folder(settings) / "artifacts").as_uri()
    client = MlflowClient(tracking_uri=tracking_uri(settings))
    known = client.get_experiment_by_name(name)
    if known is not None:
        return client, known.experiment_id
    return client, client.create_experiment(name, artifact_location=artifacts)


def _folder(settings: Settings) -> Path:
    return settings.home / "mlflow"
