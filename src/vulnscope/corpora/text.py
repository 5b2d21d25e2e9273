"""Text as all corpora read it: strict UTF-8, lines ended by a line feed and nothing else."""

from __future__ import annotations

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
    ".php": "php",
    ".py": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".ts": "typescript",
}
"""Language by file suffix; a header counts as C, since its suffix does not tell."""


class RowError(CorruptData):
    """Why one row or file cannot become a sample; loaders turn it into a `BadRow`."""


def language_of(suffix: str) -> str:
    """Language of a file suffix such as `.py`, or "unknown". Only `.C` in capitals is C++ by old custom."""
    return "cpp" if suffix == ".C" else LANGUAGES.get(suffix.lower(), "unknown")


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
