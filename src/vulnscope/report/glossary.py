"""The words of the report, explained to a reader who knows no signal detection theory; they are in `glossary.toml`."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import NamedTuple


class Term(NamedTuple):
    """A word, its one-line explanation (the tooltip), and what else the glossary says."""

    name: str
    short: str
    more: str = ""


_TERMS = files("vulnscope.report").joinpath("templates", "glossary.toml").read_text(encoding="utf-8")
GLOSSARY = {key: Term(**entry) for key, entry in tomllib.loads(_TERMS).items()}
