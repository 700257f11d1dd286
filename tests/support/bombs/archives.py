"""Archives that are larger inside than they say or look."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping

_BLOCK = 2**20
Part = str | bytes | Iterable[bytes]


def archive(parts: Mapping[str, Part]) -> bytes:
    """A zip of the parts; of one that is too large for memory, its pieces in turn."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
        for name, content in parts.items():
            if isinstance(content, str | bytes):
                written.writestr(name, content)
                continue
            with written.open(name, "w", force_zip64=True) as member:
                for piece in content:
                    member.write(piece)
    return target.getvalue()


def repeated(head: str, body: str, count: int, tail: str) -> Iterable[bytes]:
    """`head`, `count` times `body`, `tail`, without holding them together."""
    yield head.encode()
    block = max(1, _BLOCK // max(len(body), 1))
    for _ in range(count // block):
        yield (body * block).encode()
    yield (body * (count % block)).encode()
    yield tail.encode()


def understated(data: bytes, claimed: int = 1000) -> bytes:
    """The zip with the size of its largest member, in both places where it stands, said to be `claimed` bytes."""
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        size = max(member.file_size for member in read.infolist())
    return data.replace(size.to_bytes(4, "little"), claimed.to_bytes(4, "little"))
