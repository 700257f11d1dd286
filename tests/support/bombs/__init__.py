"""Small files that want much: memory, time, depth, or rows without end. Each is built when it is asked for.

`BOMBS` maps the name of a file to the function that makes its bytes; the name says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.bombs import mails, office, pdfs, texts

BOMBS: Mapping[str, Callable[[], bytes]] = {**office.FILES, **pdfs.FILES, **mails.FILES, **texts.FILES}
