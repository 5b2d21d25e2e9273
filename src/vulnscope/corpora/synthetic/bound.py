"""Difficulty `bound`: the label is whether two distant places name the same variable, and nothing else.

A sample has two candidates of one kind. Near the top, one of them is guarded and the other gets an innocent statement;
far below, one of them is used where it matters and the other where it does not. Which candidate is declared first,
which is guarded and which is used are three fair coins, as is the order of the statements at each place; the twins
exchange the candidates at one of the two places.

Why no surface rule works: the label is the exclusive or of two coins. A window of tokens that does not reach from one
place to the other sees at most one of them, which says nothing about the label; so any rule that adds up local
evidence is at chance. The twins hold the same multiset of tokens, so length and bag of tokens are equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from random import Random
from string import Template as Slots
from typing import ClassVar

from vulnscope.corpora.synthetic.frame import fill_markers, find_words
from vulnscope.corpora.synthetic.names import Names
from vulnscope.corpora.synthetic.noise import Noise
from vulnscope.corpora.synthetic.template import Difficulty, Template, Twin

MIN_GAP_TOKENS = 9
_MAX_GAP_TOKENS = 32


@dataclass(frozen=True, kw_only=True)
class BoundTemplate(Template):
    """The label is whether two distant places name the same variable; see the module.

    `guard`, `other`, `use` and `spare` are statements about `$x`, each a choice of phrasings; `guard` and `other` name
    it equally often, as do `use` and `spare`. `text` places them with the lines `<guards>`, `<gap>` and `<uses>`.
    """

    difficulty: ClassVar[Difficulty] = "bound"

    names: str
    guard: tuple[str, ...]
    other: tuple[str, ...]
    use: tuple[str, ...]
    spare: tuple[str, ...]
    same_is_fixed: bool = True

    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`; the twins differ only in which candidate stands where at one of the two places."""
        names = Names(rng, find_words(self.text, *self.guard, *self.other, *self.use, *self.spare))
        a, b = names["a"], names["b"] = names.draw(self.names), names.draw(self.names)
        noise = Noise(rng, names, self.language)
        fillers = {
            "noise": partial(noise.some, 0, 2),
            "gap": partial(noise.stretch, MIN_GAP_TOKENS, _MAX_GAP_TOKENS),
            "guards": partial(_place, rng, noise, _about("guarded", self.guard), _about("other", self.other)),
            "uses": partial(_place, rng, noise, _about("used", self.use), _about("spare", self.spare)),
        }
        frame = Slots(noise.helper() + fill_markers(self.text, fillers))

        def render(is_a_guarded: bool, is_a_used: bool) -> str:
            guarded, other = (a, b) if is_a_guarded else (b, a)
            used, spare = (a, b) if is_a_used else (b, a)
            names.update(guarded=guarded, other=other, used=used, spare=spare)
            return frame.substitute(names)

        is_a_guarded, is_a_used, is_guard_swapped = (rng.random() < 0.5 for _ in range(3))
        one = render(is_a_guarded, is_a_used)
        two = render(is_a_guarded != is_guard_swapped, is_a_used == is_guard_swapped)
        is_one_fixed = (is_a_guarded == is_a_used) == self.same_is_fixed
        vulnerable, fixed = (two, one) if is_one_fixed else (one, two)
        changed = _differing_lines(one, two)
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
