"""Difficulty `plain`: the fix adds or replaces tokens, so that surface rules can find it.

The text is a diff: lines that start with `-` exist only in the vulnerable twin, lines that start with `+` only in the
fixed one. Names and distractors are the same on both sides.
"""

from __future__ import annotations

from functools import partial
from random import Random
from string import Template as Slots
from typing import ClassVar, NamedTuple, Self

from pydantic import model_validator

from vulnscope.corpora.synthetic.frame import check_frame, fill_markers, find_words
from vulnscope.corpora.synthetic.names import Names
from vulnscope.corpora.synthetic.noise import Noise
from vulnscope.corpora.synthetic.template import Difficulty, Template, Twin


class PlainTemplate(Template):
    """`text` is a diff from the vulnerable to the fixed twin; its lines `<noise>` become distractors."""

    difficulty: ClassVar[Difficulty] = "plain"

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        check_frame(self.text, (), (), ("noise",))
        if not any(line.startswith(("-", "+")) for line in self.text.split("\n")):
            raise ValueError("no line of the text begins with - or +, so the twins would be equal")
        return self

    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`."""
        names = Names(rng, find_words(self.text))
        noise = Noise(rng, names, self.language)
        # At least one distractor: without any, short templates repeat themselves across seeds.
        diff = noise.helper() + fill_markers(self.text, {"noise": partial(noise.some, 1, 2)})
        lines = Slots(diff).substitute(names).split("\n")
        vulnerable, fixed = _side(lines, keep="-", drop="+"), _side(lines, keep="+", drop="-")
        return Twin(vulnerable.code, fixed.code, vulnerable.changed, fixed.changed)


class _Side(NamedTuple):
    code: str
    changed: tuple[int, ...]


def _side(lines: list[str], keep: str, drop: str) -> _Side:
    """One twin of a diff: lines marked `drop` left out, the mark `keep` taken off."""
    kept = [line for line in lines if not line.startswith(drop)]
    changed = tuple(number for number, line in enumerate(kept, start=1) if line.startswith(keep))
    return _Side("\n".join(line.removeprefix(keep) for line in kept), changed)
