"""The frame of every loader that reads from disk: find the root, read its rows, refuse a root that holds none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.tables.assembly import Row, assemble
from vulnscope.corpora.tables.folders import find_root, wrong_layout


class Layout(NamedTuple):
    """How a corpus lies on disk, in the words of its errors."""

    name: str
    expected: str
    parts: tuple[str, ...] = ()
    """Folders that stand together in the root; none where any path will do."""
    inner: str = ""
    """Where in a checkout they stand."""
    rows: str = ""
    """What a root without rows should hold; empty: what is `expected` of any."""

    def load(
        self,
        data_dir: Path | None,
        read: Callable[[Path], Iterable[Row]],
        *,
        skip_bad: bool,
        options: Mapping[str, str | int | bool | None] | None = None,
    ) -> Corpus:
        """The corpus of the rows that `read` finds in the root.

        Raises `InputError` where there is no such root or no row in it, and what `assemble` raises.
        """
        root = find_root(self.name, data_dir, self.parts, self.inner, self.expected)
        rows = list(read(root))
        if not rows:
            raise wrong_layout(self.name, root, self.rows or self.expected)
        return assemble(self.name, rows, skip_bad=skip_bad, options=options)
