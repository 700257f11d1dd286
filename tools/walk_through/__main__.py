"""`make loop`: python -m tools.walk_through [--model] [--pause] [--keep]."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

from app.cli.console import note, report, say
from core.errors import RagloopError
from core.settings import load_settings
from tools.walk_through import model_story, retrieval_story
from tools.walk_through.narration import no_pause


def main(arguments: Sequence[str]) -> int:
    """Tell the walk-through that the arguments choose; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make loop", description="Walk through the whole loop on this machine.")
    parser.add_argument("--model", action="store_true", help="a fault of the model, healed by tuning, in the real vLLM")
    parser.add_argument("--pause", action="store_true", help="wait for Enter after each step, to look around")
    parser.add_argument("--keep", action="store_true", help="leave the server running at the end, until Ctrl-C")
    chosen = parser.parse_args(arguments)
    # However the walk-through is told to stop, what it started stops with it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        tell = model_story.tell if chosen.model else retrieval_story.tell
        tell(load_settings(), _wait if chosen.pause else no_pause, _stay if chosen.keep else _leave)
    except RagloopError as error:
        report(error, as_json=False)
        return 1
    except KeyboardInterrupt:
        note("Stopped.")
        return 130
    return 0


def _wait() -> None:
    """Until the person presses Enter; at the end of input there is nobody to wait for."""
    say("   Press Enter to go on.")
    sys.stdout.flush()
    sys.stdin.readline()


def _stay(address: str) -> None:
    say(f"\n   The server runs on at {address}. Press Ctrl-C to stop it.")
    sys.stdout.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        note("Stopped.")


def _leave(address: str) -> None:
    """The server ends with the story; where it was, nobody answers any more."""
    say(f"\n   The server at {address} ends here. With KEEP=1 it stays, to look at the report and the other pages.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
