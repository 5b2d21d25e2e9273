"""Parser `strict`: the answer in the form that was asked for, or none.

Where reasoning was asked for it comes first and the verdict last: the last line that is not empty is the verdict
line, whatever stands above it. Where yes or no was asked for, or one of listed options, the answer begins with it as a
word of its own ("No." counts, "No idea" does not). An answer that reached its longest allowed length counts only
where its last line was completed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from vulnscope.ask.worded.parsers.refusals import is_refusal
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import InputError
from vulnscope.records.answers import NONE, Expectation, Form, Parsed
from vulnscope.records.rows import Says

_MARKS = r"[\s>*_#`\"'’“”-]*"
# Runs are stripped, not matched: a pattern that tries every end of a run takes minutes on a long one.
_SPACES = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())
_END = f"{_SPACES}*_`\"'’“”.!"
_START = f"{_SPACES}>*_#`\"'’“”-"
_VERDICTS: Mapping[str, Says] = {
    "vulnerable": "vulnerable",
    "not vulnerable": "fixed",
    "non-vulnerable": "fixed",
    "secure": "fixed",
    "safe": "fixed",
    "not secure": "vulnerable",
    "unsafe": "vulnerable",
    "insecure": "vulnerable",
}
_NOTHING = frozenset({"none", "no", "nothing", "n/a", "no weakness", "none of these", "no lines"})
_YES_NO = re.compile(rf"{_MARKS}(yes|no)[\s*_`\"'’]*?(?:$|[,.;:!?\n\r–—])", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:lines?\s*)?(\d{1,6})(?:\s*(?:-|–|—|to)\s*(\d{1,6}))?\s*", re.IGNORECASE | re.ASCII)
_MOST_LINES = 20_000


def parse_strict(text: str, expects: Expectation, *, is_finished: bool = True) -> Parsed:
    """What `text` says in the expected form."""
    found = _READERS[expects.form](text, expects, is_finished)
    if found is not None:
        return found
    if is_refusal(text):
        return Parsed(state="refused")
    return Parsed(state="unparsed" if is_finished else "cut")


def _read_verdict(text: str, _: Expectation, is_finished: bool) -> Parsed | None:
    value = _last_value(text, "verdict", is_finished)
    says = _VERDICTS.get(" ".join(value.lower().replace("_", " ").split())) if value is not None else None
    return None if says is None else Parsed(state="parsed", says=says)


def _read_yes_no(text: str, expects: Expectation, _: bool) -> Parsed | None:
    match = _YES_NO.match(text)
    return None if match is None else read_meaning(expects.meanings[match[1].lower()])


def _read_options(text: str, expects: Expectation, _: bool) -> Parsed | None:
    for option in expects.options:
        label = re.escape(option.label)
        if re.match(rf"{_MARKS}(?:answer\s*:\s*)?\(?{label}(?:[*_`\"']*$|[).:,;\n\r])", text, re.IGNORECASE):
            return read_meaning(option.meaning)
    return None


def _read_weakness(text: str, _: Expectation, is_finished: bool) -> Parsed | None:
    value = _last_value(text, "weakness(?:es)?", is_finished)
    if value is None:
        return None
    if value.strip().lower() in _NOTHING:
        return Parsed(state="parsed", says="fixed")
    try:
        cwes = tuple(dict.fromkeys(normalise_cwe(_bare(part)) for part in re.split(r"[,;]| and ", value)))
    except InputError:
        return None
    return Parsed(state="parsed", says="vulnerable", cwes=cwes)


def _read_lines(text: str, _: Expectation, is_finished: bool) -> Parsed | None:
    value = _last_value(text, "lines?", is_finished)
    if value is None:
        return None
    if value.strip().lower() in _NOTHING:
        return Parsed(state="parsed", says="fixed")
    lines: set[int] = set()
    for part in re.split(r",|;| and ", value):
        match = _RANGE.fullmatch(part)
        if match is None:
            return None
        first = int(match[1])
        last = int(match[2] or first)
        if not 1 <= first <= last or last - first > _MOST_LINES:
            return None
        lines.update(range(first, last + 1))
        if len(lines) > _MOST_LINES:
            return None
    return Parsed(state="parsed", says="vulnerable", lines=tuple(sorted(lines)))


_READERS: Mapping[Form, Callable[[str, Expectation, bool], Parsed | None]] = {
    "verdict": _read_verdict,
    "yes-no": _read_yes_no,
    "options": _read_options,
    "weakness": _read_weakness,
    "lines": _read_lines,
}


def read_meaning(meaning: str) -> Parsed:
    """What choosing an option of this meaning says."""
    if meaning in (NONE, "fixed"):
        return Parsed(state="parsed", says="fixed")
    if meaning == "vulnerable":
        return Parsed(state="parsed", says="vulnerable")
    return Parsed(state="parsed", says="vulnerable", cwes=(meaning,))


def _last_value(text: str, key: str, is_finished: bool) -> str | None:
    """What follows `key:` on the last line that is not empty; None where that line is another, or incomplete."""
    if not is_finished and text.strip() and not {"\n", "\r"} & set(text[len(text.rstrip()) :]):
        return None
    last = next(_lines_from_end(text), None)
    if last is None:
        return None
    match = re.match(rf"{_MARKS}(?:final\s+)?{key}[\s*_`]*[:=]", last, re.IGNORECASE)
    return last[match.end() :].rstrip(_END).lstrip(_START) if match else None


def _lines_from_end(text: str) -> Iterator[str]:
    """Lines from the last; empty ones and the fence that closes a block do not count."""
    return (line for line in reversed(text.splitlines()) if line.strip().strip("`"))


def _bare(part: str) -> str:
    """`CWE-89 (SQL Injection)` as `CWE-89`."""
    return re.split(r"[(:]", part.strip(" *_`\"'."), maxsplit=1)[0].rstrip()
