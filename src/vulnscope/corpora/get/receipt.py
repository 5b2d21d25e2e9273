"""Where a corpus was got from, and what came."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vulnscope.records.base import Record

Kind = Literal["git", "hub", "folder", "archive"]


class Receipt(Record):
    """What `vulnscope corpus get` left in the cache, and how to know that it is still the same."""

    corpus: str
    kind: Kind
    address: str
    revision: str | None = Field(default=None, description="commit, for git repositories and the Hub")
    asked: str | None = Field(default=None, description="the commit, branch or tag asked for; None: the newest")
    sha256: str = Field(description="over names and contents of all files")
    n_files: int
    n_bytes: int
    folder: str = Field(description="where the files lie")
