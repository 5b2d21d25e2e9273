"""Weaknesses of the XML that https://cwe.mitre.org/data/downloads.html publishes, in the form of the JSON edition.

Code stands there as XHTML: `<br/>` ends a line, nested `<div style="margin-left:1em">` indent, other white space is one
blank. A document type declaration is refused, and with it every entity that one can declare.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from vulnscope.corpora.code.text import RowError
from vulnscope.corpora.tables.tables import TableRow
from vulnscope.errors import CorruptData

_BLOCKS = frozenset({"div", "p", "ul", "ol", "li", "pre"})
_INDENT = 4 * " "


def read_weakness_xml(path: Path) -> Iterator[TableRow]:
    """A row per weakness, numbered by its line; raises `CorruptData` where the file is not whole or declares a type."""
    reader = _Reader()
    try:
        with path.open("rb") as file:
            reader.parser.ParseFile(file)
    except expat.ExpatError as error:
        raise CorruptData(f"{path}: not XML that can be read: {error}; download it again") from error
    except _TypeDeclared as error:
        raise CorruptData(
            f"{path}:{error}: a document type declaration, which the CWE catalogue has not; download it from "
            "https://cwe.mitre.org/data/downloads.html"
        ) from error
    return (TableRow(line, partial(_read_weakness, element)) for line, element in reader.weaknesses)


class _TypeDeclared(Exception):
    """The line of a document type declaration."""


class _Reader:
    """Elements by local name; a weakness is kept when it ends."""

    def __init__(self) -> None:
        self.weaknesses: list[tuple[int, Element]] = []
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add
        self._builder: TreeBuilder | None = None
        self._line = 0

    def _refuse(self, *_: object) -> None:
        raise _TypeDeclared(self.parser.CurrentLineNumber)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition("}")[2]
        if tag == "Weakness" and self._builder is None:
            self._builder, self._line = TreeBuilder(), self.parser.CurrentLineNumber
        if self._builder is not None:
            self._builder.start(tag, attributes)

    def _add(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)

    def _end(self, name: str) -> None:
        if self._builder is None:
            return
        tag = name.rpartition("}")[2]
        self._builder.end(tag)
        if tag == "Weakness":
            self.weaknesses.append((self._line, self._builder.close()))
            self._builder = None


def _read_weakness(weakness: Element) -> Mapping[str, Any]:
    return {
        "ID": weakness.get("ID"),
        "Name": weakness.get("Name"),
        "Description": _read_description(weakness),
        "RelatedWeaknesses": [
            {"Nature": other.get("Nature"), "CweID": other.get("CWE_ID"), "ViewID": other.get("View_ID")}
            for other in weakness.iterfind("Related_Weaknesses/Related_Weakness")
        ],
        "DemonstrativeExamples": [
            {
                "ID": example.get("Demonstrative_Example_ID"),
                "Entries": [
                    {
                        "Nature": code.get("Nature"),
                        "Language": code.get("Language"),
                        "ExampleCode": _lay_out(code),
                    }
                    for code in example.iterfind("Example_Code")
                ],
            }
            for example in weakness.iterfind("Demonstrative_Examples/Demonstrative_Example")
        ],
    }


def _read_description(weakness: Element) -> str:
    description = weakness.find("Description")
    if description is None:
        raise RowError("Description is missing")
    return " ".join("".join(description.itertext()).split())


def _lay_out(code: Element) -> str:
    """The lines of an example; text without markup has line breaks of its own."""
    if len(code) == 0:
        return dedent(code.text or "").strip("\n")
    lines = [""]
    _lay_out_into(lines, code, 0)
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _lay_out_into(lines: list[str], element: Element, depth: int) -> None:
    _append(lines, element.text, depth)
    for child in element:
        if child.tag == "br":
            lines.append("")
        elif child.tag in _BLOCKS:
            _begin_line(lines)
            _lay_out_into(lines, child, depth + ("margin-left" in child.get("style", "")))
            _begin_line(lines)
        else:
            _lay_out_into(lines, child, depth)
        _append(lines, child.tail, depth)


def _begin_line(lines: list[str]) -> None:
    if lines[-1].strip():
        lines.append("")


def _append(lines: list[str], text: str | None, depth: int) -> None:
    words = re.sub(r"\s+", " ", text or "")
    if lines[-1].strip():
        lines[-1] += words
    elif words.strip():
        lines[-1] = depth * _INDENT + words.lstrip()
