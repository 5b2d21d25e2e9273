"""Names and small literals: pools of ordinary words, and the lazy draw that keeps all names of one sample distinct."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

# Short single words: a byte-level BPE of a few thousand entries holds each as one token, so that comparing two names
# is comparing two tokens. Python builtins and C keywords are left out.
POOLS: dict[str, tuple[str, ...]] = {
    slot: tuple(words.split())
    for slot, words in {
        "text": (
            "name user title label topic query term phrase nick alias email city street author subject message comment "
            "note reply tag word text host target branch theme color brand region country badge motto caption header "
            "footer section group team role owner guest member client vendor model series genre status mode"
        ),
        "path": (
            "path folder source target report image document archive draft invoice avatar upload backup manual photo "
            "recipe layout sheet chart cover album track video script module patch theme page poster letter"
        ),
        "number": (
            "count total index offset length width height depth size rows limit step rank score level slot page start "
            "first last left right weight units amount batch stride row col pos cursor place seat shelf line degree "
            "area volume price cost"
        ),
        "pointer": (
            "buf data block chunk packet frame record entry item node cell token field value key cache store queue "
            "stack tree leaf root parent child head tail body segment window span message reply label line ring pool "
            "page word"
        ),
        "secret": "secret password token key pin phrase seal stamp cipher salt code letter motto ticket badge proof",
        "blob": (
            "blob payload body content bundle parcel crate packet message frame chunk record snapshot state session "
            "profile backup image cookie task job event draft report"
        ),
        "plain": (  # distractors; disjoint from every pool of candidates
            "tries hits steps rounds ticks marks turns laps misses votes goals bonus budget delay retry speed ratio "
            "gain extra points wins losses loops moves visits clicks orders minutes hours days"
        ),
        "handle": "db conn cur session engine backend",
        "result": "result output answer found outcome",
        "verb": "load save send read fetch build show handle update render store parse copy find open make check",
        "noun": "item user page file record entry report order task view event image message table job note list",
        "base": "BASE ROOT HOME SHARED PUBLIC STATIC UPLOADS",
        "table": "users orders items notes events books teams cities songs parts",
        "column": "name email city title status owner kind state",
        "tool": "ls cat du file stat wc head sort",
        "tagname": "p b li h1 h2 td span em div",
        "service": "api db mail cache queue bucket store cloud",
        "opaque": "hunter2 s3cr3t k9-delta zx81-blue 4dm1n-pw tango77 qwerty9 pl4in-tk m00nlight r0ot-pass",
    }.items()
}
_LITERALS: dict[str, tuple[str, ...]] = {
    "k": tuple(str(value) for value in range(2, 30)),
    "size": ("16", "24", "32", "48", "64", "96", "128", "256"),
}


def is_slot(name: str) -> bool:
    """Whether `Names` has something for the slot `name`."""
    return _stem(name) == "function" or _stem(name) in POOLS or _stem(name) in _LITERALS


class Names(dict[str, str]):
    """Slot -> text, drawn on first use: `$number2` takes a word of pool `number` that this sample does not use yet."""

    def __init__(self, rng: Random, reserved: Iterable[str]) -> None:
        super().__init__()
        self._rng = rng
        self._taken = set(reserved)

    def __missing__(self, slot: str) -> str:
        stem = _stem(slot)
        if stem == "function":
            text = self.draw_function()
        elif stem in _LITERALS:
            text = self._rng.choice(_LITERALS[stem])
        else:
            text = self.draw(stem)
        self[slot] = text
        return text

    def draw(self, pool: str) -> str:
        """A word of `pool` not drawn before in this sample."""
        word = self._rng.choice([word for word in POOLS[pool] if word not in self._taken])
        self._taken.add(word)
        return word

    def draw_function(self) -> str:
        """A function name of a verb and a noun not drawn before."""
        return f"{self.draw('verb')}_{self.draw('noun')}"


def _stem(slot: str) -> str:
    """The slot without its number."""
    return slot.rstrip("0123456789")
