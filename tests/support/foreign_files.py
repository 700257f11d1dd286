"""Files that no reader of cases takes for its own."""

from __future__ import annotations

OF_ANOTHER_KIND = (
    b"", b"{", b"[]", b"{}", b"[[[[", b'{"data": 7}', b"\xff\xfe\x00", b"\x00" * 100, b"[" * 100_000,
)  # fmt: skip
