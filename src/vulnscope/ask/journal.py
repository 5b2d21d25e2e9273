"""Replies of an endpoint that came before a batch was whole: in the run's folder, so that nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vulnscope.ask.asks import Ask, Place, Reply, as_plain, read_reply
from vulnscope.records.base import digest_text
from vulnscope.store import AnswerCache

FILE = "replies.sqlite"


class ReplyJournal:
    """Replies by sample, number and everything that was sent."""

    def __init__(self, folder: Path) -> None:
        self._kept = AnswerCache(folder / FILE, is_durable=True)

    def recall(self, asks: Mapping[Place, Ask]) -> dict[Place, Reply]:
        """Replies to those of `asks` that came before."""
        keys = {place: _key(place, ask) for place, ask in asks.items()}
        known: dict[str, Any] = self._kept.get_many(list(keys.values()))
        return {place: read_reply(known[key]) for place, key in keys.items() if key in known}

    def remember(self, place: Place, ask: Ask, reply: Reply) -> None:
        """Keep one reply; it is on the disk on return."""
        self._kept.put_many({_key(place, ask): as_plain(reply)})

    def close(self) -> None:
        """Let the file go."""
        self._kept.close()


def _key(place: Place, ask: Ask) -> str:
    return digest_text(f"{place!r}\0{ask!r}")
