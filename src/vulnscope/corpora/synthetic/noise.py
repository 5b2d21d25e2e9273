"""Distractors: statements, helpers and comments that change nothing about the label."""

from __future__ import annotations

import re
from random import Random
from string import Template as Slots

from vulnscope.corpora.synthetic.names import Names

TOKEN = re.compile(r"\w+|[^\w\s]")

# $v: a distractor variable declared before; $h: the helper, where the sample has one.
_DECLARE = {"python": ("$v = $k", "$v = $k * $j"), "c": ("int $v = $k;", "long $v = $k + $j;")}
_STATEMENTS = {
    "python": (
        "$v += $k",
        "$v = $v * $k + $j",
        "if $v > $k:\n    $v = $j",
        'print("$v", $v)',
        "for _ in range($k):\n    $v += $j",
        "$v = $k - $v",
        "$v = max($v, $k)",
        "while $v > $k:\n    $v -= $j",
    ),
    "c": (
        "$v += $k;",
        "$v = $v * $k + $j;",
        "if ($v > $k) $v = $j;",
        'printf("$v %d\\n", (int)$v);',
        "for (int i = 0; i < $k; i++) $v += $j;",
        "$v = $k - $v;",
        "$v = $v > $k ? $v : $k;",
        "while ($v > $k) $v -= $j;",
    ),
}
_CALL = {"python": "$v = $h($v)", "c": "$v = $h($v);"}
_HELPERS = {
    "python": (
        "def $h(n):\n    return n // $k\n\n\n",
        "def $h(n):\n    return n + $k if n < $j else n\n\n\n",
        "def $h(n, m=$k):\n    return min(n, m)\n\n\n",
    ),
    "c": (
        "static int $h(int n) { return n / $k; }\n\n",
        "static int $h(int n) { return n < $j ? n + $k : n; }\n\n",
        "static int $h(int n)\n{\n    return n > $k ? $k : n;\n}\n\n",
    ),
}
_COMMENTS = (
    "keep the $v small",
    "more $v than before",
    "$v in whole numbers",
    "see above",
    "old behaviour kept",
    "called only once",
    "rounded down",
    "should be fast enough",
)
_MAX_VARIABLES = 2


class Noise:
    """A seeded source of distractors for one sample; remembers which variables it has declared."""

    def __init__(self, rng: Random, names: Names, language: str) -> None:
        self._rng = rng
        self._names = names
        self._language = language
        self._variables: list[str] = []
        self._helper: str | None = None

    def helper(self) -> str:
        """A small unrelated function, or nothing."""
        if self._rng.random() < 0.7:
            return ""
        self._helper = self._names.draw_function()
        return self._fill(self._rng.choice(_HELPERS[self._language]))

    def statement(self) -> str:
        """One distractor, possibly of two lines."""
        roll = self._rng.random()
        if not self._variables or (roll < 0.25 and len(self._variables) < _MAX_VARIABLES):
            self._variables.append(self._names.draw("plain"))
            return self._fill(self._rng.choice(_DECLARE[self._language]), newest=True)
        if roll > 0.9:
            mark = {"python": "# $text", "c": "/* $text */"}[self._language]
            return mark.replace("$text", self._fill(self._rng.choice(_COMMENTS)))
        if self._helper and roll > 0.75:
            return self._fill(_CALL[self._language])
        return self._fill(self._rng.choice(_STATEMENTS[self._language]))

    def some(self, least: int, most: int) -> str:
        """Between `least` and `most` distractors."""
        return "\n".join(self.statement() for _ in range(self._rng.randint(least, most)))

    def stretch(self, least_tokens: int, most_tokens: int) -> str:
        """Distractors of at least `least_tokens` tokens; the wanted length is uniform up to `most_tokens`."""
        wanted = self._rng.randint(least_tokens, most_tokens)
        statements: list[str] = []
        while sum(len(TOKEN.findall(statement)) for statement in statements) < wanted:
            statements.append(self.statement())
        return "\n".join(statements)

    def _fill(self, text: str, *, newest: bool = False) -> str:
        """`text` with variables, numbers and the helper's name put in."""
        # The helper is drawn before any variable is declared, and names none.
        variable = self._variables[-1] if newest else self._rng.choice(self._variables or [""])
        return Slots(text).substitute(
            v=variable,
            h=self._helper or "",
            k=str(self._rng.randint(2, 40)),
            j=str(self._rng.randint(2, 9)),
        )
