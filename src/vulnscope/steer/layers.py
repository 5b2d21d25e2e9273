"""Which layers: presets by their share of the depth, or a list."""

from __future__ import annotations

from vulnscope.errors import InputError

PRESETS = ("final-3", "thirds", "middle", "all", "best")


def choose_layers(asked: str, n_layers: int) -> tuple[int, ...]:
    """The layers of a preset or of a list such as "4,12,20"; `best` asks for all, since the fit must choose.

    `thirds` are the middles of the lower, middle and upper third: 4, 12 and 20 of 24. Raises `InputError` for what does
    not exist.
    """
    if asked == "final-3":
        return tuple(range(max(0, n_layers - 3), n_layers))
    if asked == "thirds":
        return tuple(dict.fromkeys(min(n_layers - 1, n_layers * (2 * k + 1) // 6) for k in range(3)))
    if asked == "middle":
        return (n_layers // 2,)
    if asked in ("all", "best"):
        return tuple(range(n_layers))
    words = [word.strip() for word in asked.strip("[]").split(",")]
    if not all(word.isdecimal() for word in words):
        raise InputError(f"not layers: {asked!r}; write one of {', '.join(PRESETS)}, or numbers such as 4,12,20")
    layers = tuple(sorted({int(word) for word in words}))
    if layers[-1] >= n_layers:
        raise InputError(f"layer {layers[-1]} does not exist; this subject has layers 0 to {n_layers - 1}")
    return layers
