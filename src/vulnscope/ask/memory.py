"""Scores and replies that earlier runs left in the answer cache, by everything they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.ask.asks import Ask, Place, Reply, as_plain, read_reply
from vulnscope.models import PromptScores, ScoreRequest, Subject, digest_in_force
from vulnscope.store import AnswerKey, code_digest, collect_versions

if TYPE_CHECKING:
    from vulnscope.store import AnswerCache

Scores = tuple[PromptScores, ...]

_LIBRARIES = ("torch", "transformers")


class ScoreMemory:
    """The part of an answer cache that belongs to one subject under the edits in force, asked for scores.

    Nothing is remembered where an edit in force has no digest.
    """

    def __init__(self, cache: AnswerCache, subject: Subject) -> None:
        self._cache = cache
        self._is_on = digest_in_force(subject) is not None
        self._key = _subject_key(subject, {"method": "score"})

    def recall(self, requests: Mapping[int, ScoreRequest]) -> dict[int, Scores]:
        """Scores of those requests of which every prompt is known."""
        if not self._is_on:
            return {}
        keys = {i: self._keys(request) for i, request in requests.items()}
        known = self._cache.get_many([key for mine in keys.values() for key in mine])
        return {
            i: tuple(_from_plain(known[key]) for key in mine)
            for i, mine in keys.items()
            if all(key in known for key in mine)
        }

    def remember(self, requests: Mapping[int, ScoreRequest], scores: Mapping[int, Scores]) -> None:
        """Keep `scores`, all or none."""
        if not self._is_on:
            return
        pairs = (pair for i, found in scores.items() for pair in zip(self._keys(requests[i]), found, strict=True))
        self._cache.put_many({key: _scores_as_plain(score) for key, score in pairs})

    def _keys(self, request: ScoreRequest) -> Sequence[str]:
        return [
            self._key.model_copy(update={"token_ids": prompt, "answers": answers}).key()
            for prompt, answers in zip(request.prompts, request.answers, strict=True)
        ]


class ReplyMemory:
    """The part of an answer cache that belongs to one subject under the edits in force, asked in words."""

    def __init__(self, cache: AnswerCache, subject: Subject) -> None:
        self._cache = cache
        self._is_on = digest_in_force(subject) is not None
        self._key = _subject_key(subject, {"method": "text"})

    def recall(self, asks: Mapping[Place, tuple[tuple[int, ...], Ask]]) -> dict[Place, Reply]:
        """Replies to those asks that are known, each given with the tokens of its first prompt."""
        if not self._is_on:
            return {}
        keys = {place: self._ask_key(tokens, ask) for place, (tokens, ask) in asks.items()}
        known = self._cache.get_many(list(keys.values()))
        return {place: read_reply(known[key]) for place, key in keys.items() if key in known}

    def remember(self, asks: Mapping[Place, tuple[tuple[int, ...], Ask]], replies: Mapping[Place, Reply]) -> None:
        """Keep `replies`, all or none."""
        if not self._is_on:
            return
        self._cache.put_many({self._ask_key(*asks[place]): as_plain(reply) for place, reply in replies.items()})

    def _ask_key(self, tokens: tuple[int, ...], ask: Ask) -> str:
        decoding = {
            "method": "text",
            "temperature": ask.temperature,
            "seed": ask.seed,
            "repeat": ask.repeat,
            "max_new_tokens": ask.max_new_tokens,
            "follow_ups": list(ask.follow_ups),
            "labels": {label: list(forms) for label, forms in ask.scored.items()},
        }
        return self._key.model_copy(update={"token_ids": tokens, "decoding": decoding}).key()


def _subject_key(subject: Subject, decoding: dict[str, object]) -> AnswerKey:
    """Everything about the subject and this installation that an answer depends on."""
    versions = collect_versions()
    return AnswerKey(
        subject_digest=subject.digest,
        adapter=subject.adapter,
        quantization=subject.quantization,
        dtype=str(subject.dtype),
        device_kind=subject.device.type,
        versions={
            **{name: versions[name] for name in _LIBRARIES},
            # The engine's own sources: what another engine computed is not taken for this one's.
            "models": code_digest(Path(__file__).parents[1] / "models"),
        },
        token_ids=(),
        decoding=decoding,
        intervention_digest=digest_in_force(subject) or "none",
    )


def _from_plain(value: Any) -> PromptScores:
    return PromptScores(
        token_log_probs=tuple(tuple(tokens) for tokens in value["token_log_probs"]),
        top_token=value["top_token"],
        top_log_prob=value["top_log_prob"],
        is_tied=value["is_tied"],
    )


def _scores_as_plain(scores: PromptScores) -> dict[str, Any]:
    return {
        "token_log_probs": scores.token_log_probs,
        "top_token": scores.top_token,
        "top_log_prob": scores.top_log_prob,
        "is_tied": scores.is_tied,
    }
