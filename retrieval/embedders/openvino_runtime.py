"""Importing OpenVINO without its usage reports.

On import, OpenVINO's converter sends an event to a Google Analytics endpoint and writes a client id into the user's
home folder; no environment variable turns that off. Its telemetry package is optional, so we make it unimportable, and
where only the runtime is wanted we leave the converter out too, which saves 0.2 s of start-up.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"


def import_runtime() -> Any:
    """The module `openvino`, for running models."""
    return _import_without(_CONVERTER)


def import_converter() -> Any:
    """The module `openvino` with `convert_model`."""
    return _import_without()


def _import_without(*modules: str) -> Any:
    # None in sys.modules makes `import` raise ImportError, which OpenVINO handles. Telemetry stays blocked for good.
    sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
    hidden = [name for name in modules if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("openvino")
    finally:
        for name in hidden:
            del sys.modules[name]
