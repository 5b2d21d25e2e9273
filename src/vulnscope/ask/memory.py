"""Scores that earlier runs left in the answer cache, by everything they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        edits = digest_in_force(subject)
        self._is_on = edits is not None
        self._cache = cache
        versions = collect_versions()
        self._key = AnswerKey(
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
            decoding={"method": "score"},
            intervention_digest=edits or "none",
        )

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
        self._cache.put_many({key: _as_plain(score) for key, score in pairs})

    def _keys(self, request: ScoreRequest) -> Sequence[str]:
        return [
            self._key.model_copy(update={"token_ids": prompt, "answers": answers}).key()
            for prompt, answers in zip(request.prompts, request.answers, strict=True)
        ]


def _from_plain(value: Any) -> PromptScores:
    return PromptScores(
        token_log_probs=tuple(tuple(tokens) for tokens in value["token_log_probs"]),
        top_token=value["top_token"],
        top_log_prob=value["top_log_prob"],
        is_tied=value["is_tied"],
    )


def _as_plain(scores: PromptScores) -> dict[str, Any]:
    return {
        "token_log_probs": scores.token_log_probs,
        "top_token": scores.top_token,
        "top_log_prob": scores.top_log_prob,
        "is_tied": scores.is_tied,
    }
