"""Difficulty `bound`: the label is whether two distant places name the same variable, and nothing else.

A sample declares two candidates of one kind. Near the top, one of them is guarded; far below, one of them is used where
it matters and the other where it does not. Which candidate is declared first, which is guarded and which is used are
three fair coins, as is the order of the statements at the place of use; the twins exchange the candidates there.

Why no surface rule works: the label is the exclusive or of two coins. A window of tokens that does not reach from one
place to the other sees at most one of them, which says nothing about the label; so any rule that adds up local
evidence is at chance. The twins hold the same multiset of tokens, so length and bag of tokens are equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from random import Random
from string import Template as Slots
from typing import ClassVar, Self

from pydantic import Field, model_validator

from vulnscope.corpora.synthetic.frame import check_frame, check_slots, fill_markers, find_words
from vulnscope.corpora.synthetic.names import Names, load_words
from vulnscope.corpora.synthetic.noise import Noise
from vulnscope.corpora.synthetic.template import Difficulty, Template, Twin

_PLACES = ("guard", "gap", "uses")
MIN_GAP_TOKENS = 9
_MAX_GAP_TOKENS = 20


class BoundTemplate(Template):
    """The label is whether two distant places name the same variable; see the module.

    `guard`, `use` and `spare` are statements about `$x`, each a choice of phrasings; `text` declares `$a` and `$b` and
    places the statements with the lines `<guard>`, `<gap>` and `<uses>`.
    """

    difficulty: ClassVar[Difficulty] = "bound"

    names: str
    guard: tuple[str, ...] = Field(min_length=1)
    use: tuple[str, ...] = Field(min_length=1)
    spare: tuple[str, ...] = Field(min_length=1)
    same_is_fixed: bool = True

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        pools = load_words().pools
        if self.names not in pools:
            raise ValueError(f"unknown pool of names {self.names!r}; choose from: {', '.join(pools)}")
        check_frame(self.text, ("a", "b"), _PLACES, ("noise", *_PLACES))
        for statement in (*self.guard, *self.use, *self.spare):
            check_slots(statement, ("x",))
        return self

    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`; the twins differ only in which candidate is used and which is spared."""
        names = Names(rng, find_words(self.text, *self.guard, *self.use, *self.spare))
        a, b = names["a"], names["b"] = names.draw(self.names), names.draw(self.names)
        noise = Noise(rng, names, self.language)
        fillers: dict[str, Callable[[], str]] = {
            "noise": partial(noise.some, 0, 2),
            "gap": partial(noise.stretch, MIN_GAP_TOKENS, _MAX_GAP_TOKENS),
            "guard": lambda: rng.choice(_about("guarded", self.guard)),
            "uses": partial(_place, rng, noise, _about("used", self.use), _about("spare", self.spare)),
        }
        frame = Slots(noise.helper() + fill_markers(self.text, fillers))

        def render(used: str, spare: str) -> str:
            names.update(used=used, spare=spare)
            return frame.substitute(names)

        guarded, other = rng.sample((a, b), 2)
        names["guarded"] = guarded
        same, different = render(guarded, other), render(other, guarded)
        vulnerable, fixed = (different, same) if self.same_is_fixed else (same, different)
        changed = _differing_lines(vulnerable, fixed)
        return Twin(vulnerable, fixed, changed, changed)


def _about(role: str, statements: tuple[str, ...]) -> tuple[str, ...]:
    """The statements with `$x` renamed to the slot of its role."""
    return tuple(re.sub(r"\$x\b", f"${{{role}}}", statement) for statement in statements)


def _place(rng: Random, noise: Noise, one: tuple[str, ...], two: tuple[str, ...]) -> str:
    """One phrasing of each statement, in either order, sometimes with a distractor between them."""
    statements = [rng.choice(one), rng.choice(two)]
    rng.shuffle(statements)
    if rng.random() < 0.3:
        statements.insert(1, noise.statement())
    return "\n".join(statements)


def _differing_lines(one: str, two: str) -> tuple[int, ...]:
    """Lines at which two texts of equally many lines differ."""
    lines = zip(one.split("\n"), two.split("\n"), strict=True)
    return tuple(number for number, (left, right) in enumerate(lines, start=1) if left != right)
