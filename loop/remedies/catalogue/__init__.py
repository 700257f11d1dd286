"""The remedies: each module here is one, named as it, with itself as `REMEDY`. A new one is a new module and its test.

They are read whenever a firing is shown and whenever Airflow parses its DAGs, so what is heavy is imported where it is
used.
"""

from __future__ import annotations

import pkgutil


def remedy_names() -> list[str]:
    """The names of all remedies, sorted; told without importing any."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
