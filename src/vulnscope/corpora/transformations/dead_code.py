"""A few lines that do nothing: a variable of their own, and a branch or loop that is never entered."""

from __future__ import annotations

from string import Template

from vulnscope.corpora.transformations.source import Source, TextEdit, TransformError
from vulnscope.corpora.transformations.statements import find_places

_NAMES = ("spare", "extra", "unused_total", "probe", "marker", "reserve", "backlog", "tally")
# The comparison is false for all draws: $low < 10 <= $high.
_PYTHON = (
    "$name = $high\nif $name < $low:\n${step}$name = $name - 1\n",
    "$name = $low\nwhile $name > $high:\n${step}$name = $name + 1\n",
    "for $name in range(0):\n${step}$name = $name + $high\n",
)
_C = (
    "{\n${step}int $name = $high;\n${step}if ($name < $low) {\n${step}${step}$name = $name - 1;\n${step}}\n}\n",
    "{\n${step}int $name = $low;\n${step}while ($name > $high) {\n${step}${step}$name = $name - 1;\n${step}}\n}\n",
    "do {\n${step}int $name = $high;\n${step}(void)$name;\n} while (0);\n",
)


def add_dead_code(source: Source) -> list[TextEdit]:
    """One such piece before a statement of a function body, the place drawn by the statement's text."""
    places = find_places(source)
    if not places:
        raise TransformError("no function body that dead code could be put into")
    # Before a line that only one twin has, the piece would point at the difference.
    shared = [place for place in places if all(place.words[0] in other for other in source.others)]
    place = min(shared or places, key=lambda place: source.draw("dead", *place.words))
    templates = {"python": _PYTHON, "c": _C}[source.language]
    text = Template(templates[source.draw("kind") % len(templates)]).substitute(
        name=_choose_name(source),
        low=str(source.draw("low") % 10),
        high=str(10 + source.draw("high") % 50),
        step="\t" if "\t" in place.indent else "    ",
    )
    lines = [f"{place.indent}{line}" for line in text.splitlines()]
    # The place is behind the statement's own indentation.
    inserted = "\n".join(lines).removeprefix(place.indent)
    return [TextEdit(place.start, place.start, f"{inserted}\n{place.indent}")]


def _choose_name(source: Source) -> str:
    number = source.draw("name")
    name = _NAMES[number % len(_NAMES)]
    while name in source.taken:
        name = f"{name}_{number % 97}"
    return name
