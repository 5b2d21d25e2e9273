"""Text as all corpora read it: strict UTF-8, lines ended by a line feed and nothing else."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from vulnscope.errors import CorruptData

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES: dict[str, str] = {
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".cs": "csharp",
    ".go": "go",
    ".java": "java",
    ".js": "javascript",
    ".jsx": "javascript",
    ".php": "php",
    ".py": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".ts": "typescript",
    ".tsx": "typescript",
}
"""Language by file suffix; a header counts as C, since its suffix does not tell."""

SPELLINGS: dict[str, str] = {
    "c++": "cpp",
    "c#": "csharp",
    "js": "javascript",
    "ts": "typescript",
    "py": "python",
    "rb": "ruby",
    "rs": "rust",
    "golang": "go",
}
"""Other spellings of languages in published tables."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class RowError(CorruptData):
    """Why one row or file cannot become a sample; loaders turn it into a `BadRow`."""


def language_of(suffix: str) -> str:
    """Language of a file suffix such as `.py`, or "unknown". Only `.C` in capitals is C++ by old custom."""
    return "cpp" if suffix == ".C" else LANGUAGES.get(suffix.lower(), "unknown")


def name_language(text: str) -> str:
    """A published name of a language in our spelling: `"C++"` is `"cpp"`; "unknown" where it is empty."""
    name = text.strip().lower()
    return SPELLINGS.get(name, name) or "unknown"


def read_text(path: Path) -> str:
    """The file's text without a byte order mark, line ends untouched; raises `RowError` where it is not UTF-8."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RowError(f"cannot be read: {error.strerror}") from error
    return decode(data)


def decode(data: bytes, offset: int = 0) -> str:
    """UTF-8 `data` as text; raises `RowError` naming the byte, counted from `offset` bytes before `data`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        position = offset + error.start
        raise RowError(f"not UTF-8: byte 0x{data[error.start]:02x} at byte position {position}") from error
    return text.removeprefix("\ufeff")


def split_lines(text: str) -> list[str]:
    r"""Lines without their ends. Unlike `str.splitlines`, a form feed or U+2028 inside a line does not end it,
    so that line numbers agree with compilers, tree-sitter and diffs; `\r\n` counts as one end.
    """
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def keep_lines(text: str, first: int, last: int) -> str:
    """Lines `first` to `last` (1-based, inclusive); empty where `last < first`."""
    return "\n".join(text.split("\n")[first - 1 : last])


def show_controls(text: str) -> str:
    """`text` with everything that could steer a terminal or hide in it made visible; line feeds and tabs stay.

    Control characters become their Unicode pictures, and marks that reverse the reading order (the Trojan Source
    trick: Boucher & Anderson 2021) their code points.
    """
    return _CONTROLS.sub(lambda match: _picture(match[0]), text)


def _picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def is_python(head: str, completion: str) -> bool:
    """Whether head and completion, cut to its last complete line, are Python; no complete line is a failure."""
    complete, newline, _ = completion.rpartition("\n")
    if not newline or not complete.strip():
        return False
    try:
        ast.parse(head + complete)
    except (SyntaxError, ValueError):
        return False
    return True
