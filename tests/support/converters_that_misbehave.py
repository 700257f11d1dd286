"""Readers for the sandbox to survive. The file's first word says what to do; the rest of the project does not know them."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import time
from dataclasses import dataclass

from core.types import Document, SourceItem, TextFormat
from ingestion.converters.content import RawFile
from ingestion.converters.mail.attached import Opened
from ingestion.converters.registry import FileConverter

_BACKTRACE = "a line of a backtrace\n" * 500


@dataclass
class MisbehavingConverter(FileConverter):
    """A FileConverter that does what the file says, then converts it."""

    def opened(self, file: RawFile, item: SourceItem) -> Opened:
        action, _, argument = file.data.decode().partition(" ")
        if action == "allocate":
            held = [bytearray(10_000_000) for _ in range(int(argument))]
            action = f"allocated {len(held)}"
        elif action == "sleep":
            time.sleep(float(argument))
        elif action == "loop":
            while True:
                pass
        elif action == "segfault":
            ctypes.string_at(0)
        elif action == "abort":
            os.write(2, f"{argument}\n{_BACKTRACE}".encode())
            os.abort()
        elif action == "give-up":
            os.abort()
        elif action == "stick":  # in a library that looks at no signal
            re.match("(a*)*b", "a" * 60)
        elif action == "exit":
            os._exit(int(argument))
        elif action == "raise":
            raise KeyError("a bug in a parser")
        elif action == "recurse":
            _recurse()
        elif action == "print":
            os.write(1, b"noise on standard output\n")
        elif action == "connect":
            return _told(item, _reaches_network())
        return _told(item, f"{action} in process {os.getpid()}")


def _told(item: SourceItem, text: str) -> Opened:
    return Opened(Document(item.uri, "told", text, TextFormat.PLAIN, "text/plain", "0" * 64))


def _recurse() -> None:
    _recurse()


def _reaches_network() -> str:
    names = [name for _, name in socket.if_nameindex()]
    return f"interfaces {' '.join(names)}"
