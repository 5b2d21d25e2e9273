"""Where a `bound` sample mentions its candidates, and in which role: what the read-outs learn from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from vulnscope.corpora.synthetic import load_templates
from vulnscope.corpora.synthetic.bound import BoundTemplate
from vulnscope.corpora.synthetic.names import load_words

_SLOT = re.compile(r"\$(\w+)")


class Mention(NamedTuple):
    """A statement about a candidate; `start` is where it is named last, `end` where the statement ends."""

    role: str
    name: str
    start: int
    end: int


def find_mentions(template_id: str, code: str) -> tuple[Mention, ...]:
    """The statements that guard, use or spare a candidate, in order; empty for a `plain` template."""
    found = {
        (match.start(), role): Mention(role, match["x"], _last(match), match.end())
        for role, pattern in _patterns(template_id)
        for match in pattern.finditer(code)
    }
    # Distractors can look like a use, but are never named like a candidate.
    candidates = _candidate_names(template_id)
    return tuple(mention for _, mention in sorted(found.items()) if mention.name in candidates)


def _candidate_names(template_id: str) -> tuple[str, ...]:
    template = load_templates()[template_id]
    return load_words().pools[template.names] if isinstance(template, BoundTemplate) else ()


def _last(match: re.Match[str]) -> int:
    """Start of the last mention of the name inside the statement."""
    whole = list(re.finditer(rf"\b{match['x']}\b", match.group()))
    return match.start() + whole[-1].start()


@cache
def _patterns(template_id: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(_list_patterns(template_id))


def _list_patterns(template_id: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    template = load_templates()[template_id]
    if isinstance(template, BoundTemplate):
        for role in ("guard", "use", "spare"):
            for statement in getattr(template, role):
                yield role, _compile(statement)


def _compile(statement: str) -> re.Pattern[str]:
    """A pattern of one phrasing at any indentation; slots other than `$x` match anything on their line."""
    pattern, end, is_named = "", 0, False
    for slot in _SLOT.finditer(statement):
        pattern += _escape(statement[end : slot.start()])
        if slot[1] == "x":
            pattern += "(?P=x)" if is_named else r"(?P<x>\w+)"
            is_named = True
        else:
            pattern += r"[^\n]+?"
        end = slot.end()
    return re.compile(rf"^[ \t]*{pattern}{_escape(statement[end:])}$", re.MULTILINE)


def _escape(text: str) -> str:
    """Fixed text as a pattern: doubled dollars stand for one, lines may be indented further."""
    lines = text.replace("$$", "$").split("\n")
    return r"\n\s*".join(re.escape(line.lstrip() if number else line) for number, line in enumerate(lines))
