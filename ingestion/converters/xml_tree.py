"""Elements of office files' XML, by their local names: their namespaces have two addresses each."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree
from lxml.etree import _Element as Element

from ingestion.converters.content import damage_named


def parsed(source: bytes) -> Element:
    """The root. Entities stay as they are, nothing is fetched. Raises ConversionError (damaged)."""
    with damage_named():
        return etree.fromstring(source, etree.XMLParser(resolve_entities=False, no_network=True))


def local_name(node: Element) -> str:
    return str(etree.QName(node).localname) if isinstance(node.tag, str) else ""


def like(node: Element, name: str) -> str:
    """The tag `name` in the namespace of `node`, which has two addresses."""
    return str(etree.QName(etree.QName(node).namespace, name))


def tags(*names: str) -> Iterator[str]:
    """The names in whatever namespace, in lxml's words."""
    return (f"{{*}}{name}" for name in names)


def named(root: Element, *names: str) -> Iterator[Element]:
    yield from root.iter(*tags(*names))


def children(node: Element, *names: str) -> Iterator[Element]:
    yield from node.iterchildren(*tags(*names))


def attribute(node: Element, name: str) -> str:
    return next((value for key, value in node.attrib.items() if etree.QName(key).localname == name), "")


def drop(node: Element) -> None:
    if (parent := node.getparent()) is not None:
        parent.remove(node)


def unwrap(node: Element) -> None:
    if (parent := node.getparent()) is not None:
        position = parent.index(node)
        parent[position : position + 1] = list(node)


def choose_alternatives(root: Element) -> None:
    """Of two ways to draw the same, the one that has text stays, in the place of both."""
    for node in [*named(root, "AlternateContent")]:
        ways = [*children(node, "Choice"), *children(node, "Fallback")]
        kept = next(
            (way for way in ways if next(named(way, "txbxContent", "t"), None) is not None), ways[0] if ways else None
        )
        for way in ways:
            if way is not kept:
                node.remove(way)
        if kept is not None:
            unwrap(kept)
        unwrap(node)
