"""Everything that an answer says in words of RAGLoop's own: what a translator fills in. Pure.

What stands in braces is filled in later and stays as it is; so do the asterisks, which set words in italics. Each
module of serving.wording.languages is one of these.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """RAGLoop's words in one language; `code` is that of BCP 47."""

    code: str

    not_found: str
    """The whole of an answer that is declined."""
    not_named: str
    """Behind it, where the question names something: {names} stand in none of the passages."""
    not_dated: str
    """Before an answer, where the question asks for a time whose documents do not tell."""
    differ: str
    """Before an answer whose sources contradict one another. {one} and {other} are each a `says` or only a source."""
    says: str
    """{source} is a document's title, address and date; {value} what it says, such as 130."""
    undated: str
    """In place of a document's date."""
    broke_off: str
    """Between what a model wrote before it failed and what is quoted then."""

    declined: str
    """Over an answer that is declined; a label."""
    degraded: str
    """Over an answer that was quoted because the model was down."""
    quoted: str
    """Under an answer that no model wrote. {guide} is a document's address."""
    sources: str
    """Over the list of sources; a heading."""
    source: str
    """Read out for a link to source {number}."""
    places: str
    """Over passages that may help where an answer is declined; a heading."""
    page: str
    """Behind a document's title: page {number}."""
    weak: str
    """Beside a source that may not say what it is cited for; begins in lower case."""

    identity: str
    """To "Who are you?"."""
    thanks: str
    """To "Thank you."."""
    farewell: str
    """To "Goodbye."."""
    greeting: str
    """To "Hello."."""
    assent: str
    """To "Good." and "I see."."""
    no_words: str
    """To a message without a letter in it."""

    colon: str = ":"
    """Between a heading and its list, where the heading is a line of text."""
    direction: str = "ltr"
    """ltr or rtl: how the language is written."""
