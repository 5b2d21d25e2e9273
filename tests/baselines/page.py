"""What a reader finds on a page, whatever elements carry it: its words, tables and chart data, in order."""

from __future__ import annotations

import json
from html.parser import HTMLParser

_BLOCKS = (
    *("address", "article", "aside", "blockquote", "br", "button", "caption", "dd", "details", "div", "dl", "dt"),
    *("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "label", "legend", "li", "main", "nav"),
    *("ol", "option", "p", "pre", "section", "select", "summary", "svg", "table", "tbody", "tfoot", "thead", "title"),
    *("tr", "ul"),
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_CELLS = ("td", "th")
_DRAWN = ("points", "d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "fill-opacity", "opacity")
_SHAPES = ("circle", "line", "path", "polygon", "polyline", "rect")
_SILENT = ("script", "style")


def read_page(html: str) -> str:
    """A line per heading (`# ...`), table row (`| a | b |`), tip, drawn chart and set of data; else the words."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader.end_line()
    return "\n".join(reader.lines) + "\n"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._words: list[str] = []
        self._silent: str | None = None
        self._is_data = False
        self._charts: list[list[str] | None] = []

    def end_line(self) -> None:
        """What was read since the last line is one."""
        if line := " ".join("".join(self._words).split()):
            self.lines.append(line)
        self._words.clear()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._words.append(" ")
        if tag in _BLOCKS:
            self._end_outside_of_rows(tag)
        elif tag in _HEADINGS:
            self.end_line()
            self._words.append("# ")
        elif tag in _CELLS:
            self._words.append(" | ")
        elif tag in _SILENT:
            self._silent = tag
            self._is_data = given.get("type") == "application/json"
        elif tag in _SHAPES and self._charts and (chart := self._charts[-1]) is not None:
            chart.append(" ".join([tag, *(f"{name}={given[name]}" for name in _DRAWN if given.get(name))]))
        if tag == "svg":
            self._charts.append(None if given.get("aria-hidden") == "true" else [])
        for name in ("aria-label", "data-tip", "placeholder"):
            if said := given.get(name):
                self._words.append(f" ({said}) ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        self._words.append(" ")
        if tag == self._silent:
            self._silent = None
        elif tag == "svg" and self._charts and (chart := self._charts.pop()):
            self._words.append(f" chart: {'; '.join(chart)} ")
            self._end_outside_of_rows(tag)
        elif tag == "tr":
            self._words.append(" |")
            self.end_line()
        elif tag in _HEADINGS:
            self.end_line()
        elif tag in _BLOCKS:
            self._end_outside_of_rows(tag)

    def handle_data(self, data: str) -> None:
        if self._silent is None:
            self._words.append(data)
        elif self._is_data:
            self.end_line()
            found = json.loads(data)
            self.lines += [f"data {name}: {json.dumps(found[name], ensure_ascii=False)}" for name in sorted(found)]

    def _end_outside_of_rows(self, tag: str) -> None:
        is_in_row = "".join(self._words).lstrip().startswith("|")
        if tag == "tr" or not is_in_row:
            self.end_line()
