"""English."""

from __future__ import annotations

from serving.wording.wording import Wording

ENGLISH = Wording(
    code="en",
    not_found="I could not find this in the documents.",
    not_named="Nothing that was found there names {names}.",
    not_dated="*The documents of that date do not say; this is from the others.*",
    differ="*The sources differ:* {one}; {other}.",
    says="{source} says {value}",
    undated="no date",
    broke_off="The model broke off here. This is what the documents say:",
    declined="Not in the documents",
    degraded="The language model is not available right now: what it did not write is quoted from the documents.",
    quoted="Quoted word for word from the documents: no language model wrote this. "
    "How to connect one is told in {guide}.",
    sources="Sources",
    source="Source {number}",
    places="Places to look",
    page="page {number}",
    weak="the passage may not say this",
    identity="I answer questions from the documents that were given to me, and say where each answer stands.",
    thanks="You are welcome. Ask on whenever you like.",
    farewell="Goodbye.",
    greeting="Hello. Ask a question, and I look for its answer in the documents.",
    assent="Good. Ask on whenever you like.",
    no_words="I read no words in that. Ask a question, and I look for its answer in the documents.",
)
