"""Parts of pages that are drawn without scripts: heat maps, curves and tables of figures as inert markup.

Every panel takes records and gives `Markup`; nothing here computes a figure, only where it stands. All text is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from vulnscope.records.audit import CorpusInfo, LeftOut, SubjectInfo
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.report.draw import assets
from vulnscope.report.draw.tiles import draw_tile
from vulnscope.report.format import (
    Scale,
    find_reason,
    format_interval,
    format_number,
    format_signed,
    format_signed_interval,
    show_invisible,
)
from vulnscope.report.page import Tile
from vulnscope.report.view import is_synthetic

_INTERVAL = re.compile(r"[+−]?[\d.]+(?: %)? \[[+−\d., ]+\]")

Fact = tuple[str, str, str]
"""Name, value and note."""


def render_page(title: str, kind: str, sentence: str, sections: Sequence[tuple[str, Markup]], facts: Markup) -> str:
    """A page of panels that opens from disk, loads nothing and runs nothing."""
    style = str(assets.read_asset("templates/page.css")) + str(assets.read_asset("templates/blocks.css"))
    source = assets.hash_source(style)
    policy = f"default-src 'none'; style-src {source}; img-src data:; base-uri 'none'; form-action 'none'"
    links = Markup("").join(
        Markup('<a href="#s{}">{}</a>').format(number, name) for number, (name, _) in enumerate(sections)
    )
    body = Markup("\n").join(
        Markup('<section id="s{}"><h2>{}</h2>\n{}</section>').format(number, name, panel)
        for number, (name, panel) in enumerate(sections)
    )
    return str(
        Markup(
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" content="{}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n<title>{} · Vulnscope</title>\n<style>{}</style>\n'
            '</head>\n<body>\n<header class="top"><p class="brand">Vulnscope <span>{}</span></p>'
            '<nav aria-label="Sections">{}</nav></header>\n<main>\n<section class="verdict"><h1>{}</h1>\n{}</section>\n'
            "{}\n</main>\n</body>\n</html>\n"
        ).format(
            policy,
            clean(title),
            Markup(style),
            kind,
            links,
            clean(sentence.replace(" %", "\N{NO-BREAK SPACE}%")),
            facts,
            body,
        )
    )


def draw_facts(subject: SubjectInfo, corpus: CorpusInfo, more: Sequence[Fact] = ()) -> Markup:
    """Model and corpus, and further facts."""
    return list_facts([describe_model("Model", subject), describe_corpus(corpus), *more])


def describe_model(name: str, subject: SubjectInfo, shown: str | None = None) -> Fact:
    """A model as a fact; `shown` is its name where that needs more to be told apart."""
    size = "" if subject.n_parameters is None else f", {subject.n_parameters:,} parameters"
    return name, shown or subject.name, f"{subject.architecture}{size}, {subject.dtype} on {subject.device}"


def describe_corpus(corpus: CorpusInfo) -> Fact:
    """A corpus as a fact."""
    made = "generated code, " if is_synthetic(corpus) else ""
    return (
        "Corpus",
        corpus.name,
        f"{made}{corpus.n_samples:,} samples in {corpus.n_pairs:,} pairs and {corpus.n_groups:,} groups, grouped "
        f"{corpus.grouping}",
    )


def list_facts(facts: Sequence[Fact]) -> Markup:
    """Facts side by side, each with its note."""
    rows = Markup("").join(
        Markup("<div><dt>{}</dt><dd><b>{}</b><small>{}</small></dd></div>").format(name, clean(value), clean(note))
        for name, value, note in facts
    )
    return Markup('<dl class="facts">{}</dl>').format(rows)


def draw_table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], *, is_figures: bool = False, is_stacked: bool = False
) -> Markup:
    """A table whose first column names its rows; on a narrow page it scrolls by itself.

    With `is_figures` no figure is broken from its interval. With `is_stacked` its figures stand over their intervals,
    and on a narrow page its columns are as narrow as these.
    """
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(text) for text in heads)
    body = Markup("\n").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            clean(row[0]), Markup("").join(Markup("<td>{}</td>").format(_draw_cell(cell)) for cell in row[1:])
        )
        for row in rows
    )
    kind = Markup("")
    if is_figures or is_stacked:
        kind = Markup(' class="shown stacked"') if is_stacked else Markup(' class="shown"')
    return Markup('<div class="scroll"><table{}><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(
        kind, head, body
    )


def draw_map(
    corner: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Tile | None]]], *, caption: str = ""
) -> Markup:
    """A heat map as a table: blue for high, orange for low, the figure always written out."""
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(name) for name in (corner, *columns))
    body = Markup("\n").join(
        Markup("<tr><th scope='row'>{}</th>{}</tr>").format(
            clean(name), Markup("").join(Markup("<td>{}</td>").format(draw_tile(tile)) for tile in tiles)
        )
        for name, tiles in rows
    )
    below = Markup('<p class="hint">{}</p>').format(caption) if caption else Markup("")
    return Markup(
        '<div class="scroll"><table class="map"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}'
    ).format(head, body, below)


def draw_link(path: str | None, text: str) -> Markup:
    """A link to a page in the same run folder; nothing without one."""
    return Markup('<p class="hint"><a href="{}">{}</a></p>').format(path, text) if path else Markup("")


def draw_notes(notes: Sequence[str], left_out: Sequence[LeftOut]) -> Markup:
    """What was left out and why."""
    lines = [f"{part.n:,} samples: {part.reason}" for part in left_out] + list(notes)
    items = Markup("").join(Markup("<li>{}</li>").format(clean(line)) for line in lines)
    return Markup("<ul>{}</ul>").format(items) if lines else Markup("<p>Nothing.</p>")


def draw_reproduction(command: str, config: Mapping[str, object], versions: Mapping[str, str], run: str) -> Markup:
    """The command, the resolved settings and the versions."""
    text = json.dumps(dict(config), indent=2, sort_keys=True, ensure_ascii=False)
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return Markup(
        "<pre>{}</pre><details><summary>Settings</summary><pre>{}</pre></details><p class='hint'>run {}; {}</p>"
    ).format(clean(command or "(called from Python)"), clean(text), run, listed)


def stack_estimate(estimate: Estimate, scale: Scale | None = None, note: str = "") -> Markup:
    """A figure over its interval, for narrow columns; without a scale it is a difference and has a sign."""
    if isinstance(estimate.value, NotMeasured):
        return Markup('n/a<small class="why">{}</small>').format(clean(estimate.value.reason))
    value = format_signed(estimate.value) if scale is None else format_number(estimate.value, scale)
    ends = format_signed_interval(estimate) if scale is None else format_interval(estimate, scale)
    below = Markup("<small>{}</small>").format(ends) if ends else Markup('<small class="why">no interval: {}</small>')
    extra = Markup('<small class="why">{}</small>').format(clean(note)) if note else Markup("")
    return Markup("{}{}{}").format(value, below.format(clean(find_reason(estimate) or "")), extra)


def clean(value: object) -> Markup | str:
    """Text with control and direction characters spelled out; markup of this package as it is."""
    return value if isinstance(value, Markup) else show_invisible(str(value))


def _draw_cell(value: object) -> Markup | str:
    """A cell's content, every figure on one line with its interval and its percent sign."""
    cell = clean(value)
    if isinstance(cell, Markup):
        return cell
    whole = _INTERVAL.sub(lambda found: found.group().replace(" ", "\N{NO-BREAK SPACE}"), cell)
    return whole.replace(" %", "\N{NO-BREAK SPACE}%")
