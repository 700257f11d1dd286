"""Forms with fields that only they know, read as the browser sent them."""

from __future__ import annotations

from fastapi import Request
from starlette.datastructures import FormData


async def form_of(request: Request) -> FormData:
    """The form that was sent. Its size is limited by app.middleware."""
    return await request.form()


def text_of(form: FormData, name: str) -> str:
    """A field's text; a browser sends its line ends as CR LF."""
    value = form.get(name)
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""
