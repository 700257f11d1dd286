"""Things of one kind, to ask about the one that the documents do not name where they name another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

# Well-known names only: whoever reads the question must see at once that it is near the subject. A name that is also an
# everyday word (Go, Edge, Meta) is left out.
KINDS = (
    ("PostgreSQL", "MySQL", "Oracle", "MongoDB", "Cassandra", "MariaDB"),
    ("Qdrant", "Pinecone", "Weaviate", "Milvus", "Elasticsearch"),
    ("Airflow", "Dagster", "Prefect", "Jenkins"),
    ("Linux", "Windows", "macOS", "FreeBSD"),
    ("AWS", "Azure", "Google Cloud", "Hetzner"),
    ("GitHub", "GitLab", "Bitbucket"),
    ("Slack", "Microsoft Teams", "Zoom", "Discord"),
    ("Chrome", "Firefox", "Safari"),
    ("Python", "TypeScript", "Java", "Rust", "Kotlin"),
    ("Apple", "Amazon", "Microsoft", "Intel", "NVIDIA", "Samsung", "IBM", "Siemens"),
    ("Germany", "France", "Japan", "Brazil", "Canada", "Norway", "Kenya"),
    ("OpenAI", "Anthropic", "Mistral", "Cohere"),
)


def absent_neighbours(question: str, texts: Sequence[str]) -> Iterator[str]:
    """The question with a name in it replaced by another of its kind that stands in none of the texts."""
    for kind in KINDS:
        named = next((name for name in kind if _stands(name, question)), None)
        if named is None:
            continue
        for other in kind:
            if other != named and not any(_stands(other, text) for text in texts):
                yield _pattern(named).sub(other, question)


def _stands(name: str, text: str) -> bool:
    return _pattern(name).search(text) is not None


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
