"""What chat clients ask on their own, beside the question of a person: a title for the conversation, tags, follow-ups.

Open WebUI, LibreChat and their like send such prompts to the model that they talk to. They are no question to the
documents, so they are answered here, in the form that the client asks for. Pure.
"""

from __future__ import annotations

import json
import re

from serving.filters.outgoing import harmless

REFUSED = "That asks for work on the conversation itself, which is not done here. Ask a question about the documents."

# A task's heading or order, and the transcript it is about: a person's question has not both.
_ORDER = re.compile(
    r"\s*(?:#+\s*Task:|(?:Please\s+)?(?:Provide|Generate|Create|Write|Suggest|Summari[sz]e)\b[^\n]{0,200}"
    r"\b(?:title|tags?|follow[- ]?ups?|summary|conversation|chat)\b)",
    re.IGNORECASE,
)
_TRANSCRIPT = re.compile(
    r"<chat_history>|^#+\s*(?:Chat History|Conversation)\b|^\W{0,4}(?:Conversation|Chat History):\s*$"
    r"|^\W{0,4}(?:USER|Human):\s",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST_SAID = re.compile(r"^\W{0,4}(?:USER|Human):\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_FORM = re.compile(r'\{\s*"(\w+)"\s*:')
# What these fields hold where there is nothing to say.
_EMPTY: dict[str, object] = {"tags": [], "follow_ups": [], "queries": [], "text": ""}
_TITLE_WORDS = 8


def task_reply(text: str) -> str | None:
    """The answer to a chat client's own prompt; None for a question."""
    if not _ORDER.match(text) or not _TRANSCRIPT.search(text):
        return None
    form = _FORM.search(text)
    field = form[1] if form else ""
    if field in _EMPTY:
        return json.dumps({field: _EMPTY[field]})
    if field != "title" and "title" not in text.partition("\n")[0].casefold():
        return REFUSED
    title = _title(text)
    return json.dumps({"title": title}, ensure_ascii=False) if field else title


def _title(text: str) -> str:
    """The first question of the transcript, cut short, and as harmless as any text that leaves."""
    said = _FIRST_SAID.search(text)
    words = said[1].split() if said else []
    return harmless(" ".join(words[:_TITLE_WORDS])).rstrip(" ?.!,") or "Conversation"
