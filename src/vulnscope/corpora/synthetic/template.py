"""What a template is, and how its two difficulties render a pair of twins.

`plain`: the text is written like a diff; lines that start with `-` exist only in the vulnerable twin, lines that start
with `+` only in the fixed one.

`bound`: two candidates `$a` and `$b` of one kind. Near the top, one of them is guarded (`guard`) and the other gets an
innocent statement (`other`); far below, one of them is used where it matters (`use`) and the other where it does not
(`spare`). The label is whether guard and use name the same candidate, and nothing else: which candidate is declared
first, which is guarded and which is used are three fair coins, the twins exchange the two candidates at one of the two
places, and the places are more than 8 tokens apart. So every window of tokens sees at most one of the two coins whose
equality is the label, both twins hold the same multiset of tokens, and no rule that adds up local evidence can work.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from string import Template as Slots
from textwrap import indent
from typing import Literal, NamedTuple

from vulnscope.corpora.synthetic.names import Names
from vulnscope.corpora.synthetic.noise import Noise

Difficulty = Literal["plain", "bound"]

MIN_GAP_TOKENS = 9
_MAX_GAP_TOKENS = 32
_MARKER = re.compile(r"(?P<margin> *)<(?P<name>\w+)>")


@dataclass(frozen=True)
class Twin:
    """The two sides of a pair, with the 1-based lines that the other side does not have."""

    vulnerable: str
    fixed: str
    changed_vulnerable: tuple[int, ...]
    changed_fixed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Template(ABC):
    """A family of pairs with one flaw and one fix; `build` draws a pair from it."""

    id: str
    cwe: str
    language: Literal["python", "c"]
    text: str
    held_out: bool = False

    @property
    @abstractmethod
    def difficulty(self) -> Difficulty:
        """Whether surface rules can tell the twins apart (`plain`) or not (`bound`)."""

    @abstractmethod
    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`."""


@dataclass(frozen=True, kw_only=True)
class PlainTemplate(Template):
    """The fix adds or replaces tokens. `text` is a diff from the vulnerable to the fixed twin."""

    @property
    def difficulty(self) -> Difficulty:
        """Plain."""
        return "plain"

    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`; distractors and names are the same on both sides."""
        names = Names(rng, _words(self.text))
        noise = Noise(rng, names, self.language)
        lines = Slots(noise.helper() + _expand(self.text, {}, noise)).substitute(names).split("\n")
        vulnerable, fixed = _side(lines, keep="-", drop="+"), _side(lines, keep="+", drop="-")
        return Twin(vulnerable.code, fixed.code, vulnerable.changed, fixed.changed)


@dataclass(frozen=True, kw_only=True)
class BoundTemplate(Template):
    """The label is whether two distant places name the same variable; see the module.

    `guard`, `other`, `use` and `spare` are statements about `$x`, each a choice of phrasings; `guard` and `other` name
    it equally often, as do `use` and `spare`. `text` places them with the lines `<guards>`, `<gap>` and `<uses>`.
    """

    names: str
    guard: tuple[str, ...]
    other: tuple[str, ...]
    use: tuple[str, ...]
    spare: tuple[str, ...]
    same_is_fixed: bool = True

    @property
    def difficulty(self) -> Difficulty:
        """Bound."""
        return "bound"

    def build(self, rng: Random) -> Twin:
        """A pair drawn with `rng`; the twins differ only in which candidate stands where at one of the two places."""
        names = Names(rng, _words(self.text, *self.guard, *self.other, *self.use, *self.spare))
        a, b = names["a"], names["b"] = names.draw(self.names), names.draw(self.names)
        noise = Noise(rng, names, self.language)
        guards = partial(_place, rng, noise, _about("$guarded", self.guard), _about("$other", self.other))
        uses = partial(_place, rng, noise, _about("$used", self.use), _about("$spare", self.spare))
        frame = Slots(noise.helper() + _expand(self.text, {"guards": guards, "uses": uses}, noise))

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


def _words(*texts: str) -> set[str]:
    """Every word that stands in the texts themselves, so that no drawn name collides with it."""
    return {word for text in texts for word in re.findall(r"(?<!\$)\b\w+", text)}


class _Side(NamedTuple):
    code: str
    changed: tuple[int, ...]


def _side(lines: list[str], keep: str, drop: str) -> _Side:
    """One twin of a diff: lines marked `drop` left out, the mark `keep` taken off."""
    kept = [line for line in lines if not line.startswith(drop)]
    changed = tuple(number for number, line in enumerate(kept, start=1) if line.startswith(keep))
    return _Side("\n".join(line.removeprefix(keep) for line in kept), changed)


def _differing_lines(one: str, two: str) -> tuple[int, ...]:
    """Lines at which two texts of equally many lines differ."""
    lines = zip(one.split("\n"), two.split("\n"), strict=True)
    return tuple(number for number, (left, right) in enumerate(lines, start=1) if left != right)


def _about(role: str, statements: tuple[str, ...]) -> tuple[str, ...]:
    """The statements with `$x` renamed to the slot of its role."""
    braced = "${" + role.removeprefix("$") + "}"
    return tuple(re.sub(r"\$x\b|\$\{x\}", lambda _: braced, statement) for statement in statements)


def _place(rng: Random, noise: Noise, one: tuple[str, ...], two: tuple[str, ...]) -> str:
    """One phrasing of each statement, in either order, with or without a distractor between them."""
    statements = [rng.choice(one), rng.choice(two)]
    rng.shuffle(statements)
    if rng.random() < 0.3:
        statements.insert(1, noise.statement())
    return "\n".join(statements)


def _expand(text: str, places: Mapping[str, Callable[[], str]], noise: Noise) -> str:
    """`text` with its lines `<noise>`, `<gap>` and those of `places` filled, top down, at their indentation."""
    fillers = {
        "noise": lambda: noise.some(2),
        "gap": lambda: noise.stretch(MIN_GAP_TOKENS, _MAX_GAP_TOKENS),
        **places,
    }
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        marker = _MARKER.fullmatch(line)
        if marker is None:
            lines.append(line)
        elif filled := fillers[marker["name"]]():
            lines.append(indent(filled, marker["margin"]))
    return "\n".join(lines)
