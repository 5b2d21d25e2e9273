"""Scores and replies that earlier runs left in the answer cache, by everything they depend on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope.ask.asks import A, Ask, K, Memory, Place, Q, Reply, as_plain, read_reply
from vulnscope.ask.scored.asking import Scores
from vulnscope.models import PromptScores, ScoreRequest, Subject, digest_in_force
from vulnscope.store import AnswerKey, code_digest, collect_versions

if TYPE_CHECKING:
    from vulnscope.store import AnswerCache

_LIBRARIES = ("torch", "transformers")


class SubjectMemory(Memory[K, Q, A], ABC):
    """The part of an answer cache that belongs to one subject under the edits in force.

    Nothing is remembered without a cache, nor where an edit in force has no digest.
    """

    def __init__(self, cache: AnswerCache | None, subject: Subject) -> None:
        self._cache = None if digest_in_force(subject) is None else cache
        self._subject_key = _describe_subject(subject)

    def recall(self, asked: Mapping[K, Q]) -> dict[K, A]:
        """Answers to those of `asked` of which every part is known."""
        if self._cache is None:
            return {}
        keys = {place: self._list_keys(question) for place, question in asked.items()}
        known = self._cache.get_many([key for mine in keys.values() for key in mine])
        return {
            place: self._read([known[key] for key in mine])
            for place, mine in keys.items()
            if all(key in known for key in mine)
        }

    def remember(self, asked: Mapping[K, Q], answers: Mapping[K, A], *, is_whole: bool = True) -> None:
        """Keep whole `answers`, all or none."""
        if self._cache is None or not is_whole:
            return
        parts = {place: zip(self._list_keys(asked[place]), self._write(a), strict=True) for place, a in answers.items()}
        self._cache.put_many({key: value for mine in parts.values() for key, value in mine})

    def _list_keys(self, question: Q) -> list[str]:
        return [self._subject_key.model_copy(update=part).key() for part in self._describe(question)]

    @abstractmethod
    def _describe(self, question: Q) -> Sequence[dict[str, object]]:
        """What the key of each part of an answer holds besides the subject."""

    @abstractmethod
    def _read(self, values: Sequence[Any]) -> A:
        """An answer from its parts as JSON values."""

    @abstractmethod
    def _write(self, answer: A) -> Sequence[Any]:
        """The parts of an answer as JSON values."""


class ScoreMemory(SubjectMemory[int, ScoreRequest, Scores]):
    """Scores of requests, prompt by prompt."""

    def _describe(self, question: ScoreRequest) -> Sequence[dict[str, object]]:
        return [
            {"token_ids": prompt, "answers": answers, "decoding": {"method": "score"}}
            for prompt, answers in zip(question.prompts, question.answers, strict=True)
        ]

    def _read(self, values: Sequence[Any]) -> Scores:
        return tuple(
            PromptScores(**{**value, "token_log_probs": tuple(map(tuple, value["token_log_probs"]))})
            for value in values
        )

    def _write(self, answer: Scores) -> Sequence[Any]:
        return [asdict(scores) for scores in answer]


class ReplyMemory(SubjectMemory[Place, Ask, Reply]):
    """Replies in words; `read_tokens` gives the tokens of an ask's first prompt."""

    def __init__(
        self, cache: AnswerCache | None, subject: Subject, read_tokens: Callable[[Ask], tuple[int, ...]]
    ) -> None:
        super().__init__(cache, subject)
        self._read_tokens = read_tokens

    def _describe(self, question: Ask) -> Sequence[dict[str, object]]:
        decoding = {
            "method": "text",
            "temperature": question.temperature,
            "seed": question.seed,
            "repeat": question.repeat,
            "max_new_tokens": question.max_new_tokens,
            "follow_ups": list(question.follow_ups),
            "labels": {label: list(forms) for label, forms in question.scored.items()},
        }
        return [{"token_ids": self._read_tokens(question), "decoding": decoding}]

    def _read(self, values: Sequence[Any]) -> Reply:
        return read_reply(values[0])

    def _write(self, answer: Reply) -> Sequence[Any]:
        return [as_plain(answer)]


def _describe_subject(subject: Subject) -> AnswerKey:
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
        decoding={},
        intervention_digest=digest_in_force(subject) or "none",
    )
