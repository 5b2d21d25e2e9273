"""What a page says, before it is decided how it is drawn: sections of text, tables, maps, charts and code.

A study describes its page once; `write_html`, `write_terminal`, `write_markdown` and `write_csv` write it. Nothing here
is markup of any kind: texts stand as they came, from records, models and files alike, and each writer escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from vulnscope.records.base import Estimate, NotMeasured, Number, Record
from vulnscope.report.format import (
    NOT_AVAILABLE,
    Scale,
    find_reason,
    format_interval,
    format_number,
    format_signed,
    format_signed_interval,
    show_number,
    tell_coverage,
)

Writer = Literal["page", "terminal"]
TextStyle = Literal["plain", "strong", "heading", "lead", "hint", "warning", "good"]


class Cell(NamedTuple):
    """What stands in a field of a table or at its edge, where that is more than a line of text."""

    text: str
    below: tuple[str, ...] = ()
    """Smaller lines under it, none of which is broken."""
    reasons: tuple[str, ...] = ()
    """Smaller lines under those, broken between words: why something is missing, what to hold against it."""
    short: str | None = None
    """What a terminal shows instead; None for `text`, without the lines below."""
    is_words: bool = False
    """Whether the text is broken between words also where figures are not."""
    is_strong: bool = False


class Head(NamedTuple):
    """The head of a column, and how the column stands in a terminal: figures to the right, on one line."""

    text: str
    short: str | None = None
    is_left: bool = False
    is_wrapped: bool = False
    is_soft: bool = False


Row = Sequence[str | int | Cell]
"""The first cell names the row; a row of one cell is the title of those below it."""


class Fact(NamedTuple):
    """Name, value and note of something to know before all figures."""

    name: str
    value: str
    note: str


class Tile(NamedTuple):
    """One field of a heat map: what is written there, how strong the colour is (−1 to 1), and what a pointer shows."""

    text: str
    strength: float | None
    tip: str
    is_marked: bool = False
    short: str | None = None
    """What a terminal shows instead; None for `text`."""


class Series(NamedTuple):
    """A named line: points of x, value, and its interval where there is one."""

    name: str
    points: Sequence[tuple[float, Number, Number | None, Number | None]]


class Range(NamedTuple):
    """From where to where an axis goes."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where on the axis a value stands, 0 to 1; the middle where the axis has no length."""
        return 0.5 if self.high == self.low else (value - self.low) / (self.high - self.low)


Reference = tuple[str, Number]
"""Name and height of a level line."""


@dataclass(frozen=True)
class Block:
    """A part of a section."""

    only: Writer | None = field(default=None, kw_only=True)
    """The writer that shows it, where the other says the same otherwise."""
    is_apart: bool = field(default=False, kw_only=True)
    """Whether a terminal has an empty line above it; a table has one anyway, unless it is first or under its title."""


@dataclass(frozen=True)
class Text(Block):
    """A paragraph, or a heading."""

    text: str
    style: TextStyle = "plain"


@dataclass(frozen=True)
class Points(Block):
    """A list of texts, numbered where their order is an argument."""

    items: Sequence[str]
    style: Literal["plain", "hint", "numbers"] = "plain"


@dataclass(frozen=True)
class LeftOut(Block):
    """What was left out and why, a line each."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Links(Block):
    """Links to pages in the same run folder, of path, text and note, after a few words."""

    links: Sequence[tuple[str, str, str]]
    lead: str = ""


@dataclass(frozen=True)
class Table(Block):
    """A table whose first column names its rows.

    In the form `figures` no figure is broken from its interval; in the form `stacked` figures stand over their
    intervals and columns are as narrow as these.
    """

    heads: Sequence[str | Head]
    rows: Sequence[Row]
    form: Literal["plain", "figures", "stacked"] = "plain"
    in_terminal: Sequence[int] | None = None
    """The columns that a terminal shows, in its order; None for all."""
    in_narrow_terminal: Sequence[int] | None = None
    """Those that one of the usual width shows, where that is fewer."""


@dataclass(frozen=True)
class Map(Block):
    """A heat map: blue for high, orange for low, the figure always written out; a terminal shows a table."""

    columns: Sequence[str | Head]
    rows: Sequence[tuple[str | Cell, Sequence[Tile | None]]]
    caption: str = ""
    corner: str = ""
    """What the rows are, for a terminal."""


@dataclass(frozen=True)
class Curves(Block):
    """Lines with intervals, and level lines to hold them against; `height` and `width` default to what is drawn."""

    series: Sequence[Series]
    references: Sequence[Reference] = ()
    x_label: str = ""
    y_label: str = ""
    label: str = ""
    x_names: Mapping[float, str] = field(default_factory=dict)
    height: Range | None = None
    width: Range | None = None


@dataclass(frozen=True)
class Dots(Block):
    """One row per part with a dot and interval per name, on one axis from 0 to 1; a line marks 1/2."""

    rows: Sequence[tuple[str, Sequence[Estimate | None]]]
    names: Sequence[str]
    label: str


@dataclass(frozen=True)
class Code(Block):
    """A command, settings or code, as they stand."""

    text: str


@dataclass(frozen=True)
class Twins(Block):
    """The fixed twin as a change of the vulnerable one."""

    vulnerable: str
    fixed: str


@dataclass(frozen=True)
class Fold(Block):
    """Blocks to unfold under a summary; one about a single thing opens with its name and is framed."""

    summary: str
    blocks: Sequence[Block]
    name: str = ""
    below: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class Sides(Block):
    """Blocks in columns side by side, where there is room."""

    sides: Sequence[Sequence[Block]]


@dataclass(frozen=True)
class Section:
    """A part of a page under its name; a terminal shows the brief ones, of those what stands in the open."""

    name: str
    blocks: Sequence[Block]
    is_brief: bool = False


@dataclass(frozen=True)
class Page:
    """All that is said of a record: the sentence first, then facts and sections."""

    title: str
    kind: str
    sentence: str
    facts: Sequence[Fact] = ()
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    """What must be known of how it was asked, right under the sentence."""
    is_soft: bool = False
    """Whether a terminal itself breaks the texts, so that they can be copied whole."""
    template: str = ""
    """What draws the whole record as HTML in place of the sections, on a page that runs scripts."""
    record: Record | None = None
    """What the template draws."""


def as_cell(value: str | int | Cell) -> Cell:
    """Any content of a table as a cell."""
    return value if isinstance(value, Cell) else Cell(str(value))


def as_head(value: str | Head) -> Head:
    """Any head of a table as one that knows its column."""
    return value if isinstance(value, Head) else Head(value)


def as_table(block: Block) -> Table | None:
    """A table, or the figures of a map or chart as one; None for other blocks."""
    match block:
        case Table():
            return block
        case Map():
            rows = [(name, *map(_as_figure, tiles)) for name, tiles in block.rows]
            return Table((Head("", short=block.corner), *block.columns), rows)
        case Curves():
            points = [
                (each.name, block.x_names.get(x, f"{x:g}"), *_show_ends(value, low, high))
                for each in block.series
                for x, value, low, high in each.points
            ]
            levels = [(name, "", show_number(value), "", "") for name, value in block.references]
            return Table(("", block.x_label, block.y_label, "from", "to"), [*points, *levels])
        case Dots():
            rows = [
                (name, of, *_show_ends(each.value, each.low, each.high))
                for name, own in block.rows
                for of, each in zip(block.names, own, strict=True)
                if each is not None
            ]
            return Table(("", "", "AUROC", "from", "to"), rows)
    return None


def _as_figure(tile: Tile | None) -> Cell:
    return Cell(NOT_AVAILABLE) if tile is None else Cell(tile.text, short=tile.short)


def _show_ends(*values: Number | None) -> tuple[str, ...]:
    return tuple("" if value is None or isinstance(value, NotMeasured) else show_number(value) for value in values)


def stack_estimate(estimate: Estimate, scale: Scale | None = None, note: str = "") -> Cell:
    """A figure over its interval, for narrow columns; without a scale it is a difference and has a sign."""
    if isinstance(estimate.value, NotMeasured):
        return Cell("n/a", reasons=(estimate.value.reason,))
    value = format_signed(estimate.value) if scale is None else format_number(estimate.value, scale)
    ends = format_signed_interval(estimate) if scale is None else format_interval(estimate, scale)
    why = () if ends else (f"no interval: {find_reason(estimate) or ''}",)
    if few := tell_coverage(estimate):
        why = (few,)
    return Cell(value, (ends,) if ends else (), (*why, note) if note else why)
