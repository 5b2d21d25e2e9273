"""Replies of an endpoint that came before a batch was whole: in the run's folder, so that nothing is paid for twice."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vulnscope.ask.asks import Ask, Memory, Place, Reply, as_plain, read_reply
from vulnscope.records.base import digest_text
from vulnscope.store import AnswerCache

FILE = "replies.sqlite"


class ReplyJournal(Memory[Place, Ask, Reply]):
    """Replies by sample, number and everything that was sent; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._kept = AnswerCache(folder / FILE, is_durable=True)
        self._lock = threading.Lock()

    def recall(self, asked: Mapping[Place, Ask]) -> dict[Place, Reply]:
        """Replies to those of `asked` that came before."""
        keys = {place: _key(place, ask) for place, ask in asked.items()}
        known = self._get(list(keys.values()))
        return {place: read_reply(known[key]) for place, key in keys.items() if key in known}

    def recall_begun(self, place: Place, question: Ask) -> Reply | None:
        """What came of a conversation that broke off; None where nothing did."""
        keys = [_key(place, question, number) for number in range(len(question.follow_ups), 0, -1)]
        known = self._get(keys)
        return next((read_reply(known[key]) for key in keys if key in known), None)

    def remember(self, asked: Mapping[Place, Ask], answers: Mapping[Place, Reply], *, is_whole: bool = True) -> None:
        """Keep replies, or what there is of them so far; they are on the disk on return."""
        kept = {
            _key(place, asked[place], None if is_whole else len(reply.turns)): as_plain(reply)
            for place, reply in answers.items()
        }
        with self._lock:
            self._kept.put_many(kept)

    def _get(self, keys: list[str]) -> dict[str, Any]:
        with self._lock:
            return self._kept.get_many(keys)


def _key(place: Place, ask: Ask, n_turns: int | None = None) -> str:
    return digest_text(f"{place!r}\0{ask!r}" + ("" if n_turns is None else f"\0{n_turns} turns"))
