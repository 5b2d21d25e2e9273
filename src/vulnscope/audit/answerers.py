"""Models that an audit can ask: weights on this machine, or an endpoint; with what a record says about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.records.audit import SubjectInfo
from vulnscope.records.base import NotMeasured, digest_text

if TYPE_CHECKING:
    from vulnscope.ask.asks import Answerer, ReplyStore
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Sample
    from vulnscope.models import Subject
    from vulnscope.models.remote import EndpointClient
    from vulnscope.store import AnswerCache

_IN_WORDS = NotMeasured(reason="measured for the protocol yes-no on a local model")


class AskedInWords(NamedTuple):
    """A model ready to be asked in words."""

    answerer: Answerer
    describe: Callable[[Sequence[Sample]], SubjectInfo]
    """What a record says of it, asked about these."""
    digest: str
    device: str
    asks_per_batch: int
    open_memory: Callable[[Path], ReplyStore]
    """Replies that came before; told where the run lies, for what is paid for is kept there reply by reply."""


class AskedModel(ABC):
    """A model that is opened and can be asked."""

    @abstractmethod
    def in_words(self, config: AuditConfig) -> AskedInWords:
        """The model as it answers in words; raises `InputError` where it cannot be asked as `config` says."""


@dataclass(frozen=True)
class LocalModel(AskedModel):
    """A subject on this machine; `cache` holds answers of earlier runs."""

    subject: Subject
    cache: AnswerCache | None = None

    def in_words(self, config: AuditConfig) -> AskedInWords:
        """Through its chat template where `config` asks for that or it has one."""
        from vulnscope.ask.answer_cache import ReplyMemory
        from vulnscope.ask.prompt_notes import describe_subject
        from vulnscope.ask.worded.local import LocalAnswerer

        subject = self.subject
        answerer = LocalAnswerer(
            subject,
            is_chat=config.chat,
            opened_thought=config.opened_thought,
            max_batch_tokens=config.max_batch_tokens,
        )
        memory = ReplyMemory(self.cache, subject, answerer.read_tokens)
        describe = partial(describe_subject, subject, answerer.chat, noise_floor=_IN_WORDS)
        return AskedInWords(answerer, describe, subject.digest, str(subject.device), 256, lambda _: memory)


@dataclass(frozen=True)
class RemoteModel(AskedModel):
    """A model behind an endpoint."""

    client: EndpointClient

    def in_words(self, config: AuditConfig) -> AskedInWords:
        """As its API takes questions; it remembers in the run's own folder alone."""
        from vulnscope.ask.prompt_notes import note_unseen
        from vulnscope.ask.worded.journal import ReplyJournal
        from vulnscope.ask.worded.remote import RemoteAnswerer

        del config
        client = self.client
        url, api = client.spec.url, client.find_api()
        digest = digest_text(f"{url}\0{client.model}" + "\0completions" * (api == "completions"))
        info = describe_unseen(client.model, f"{api} endpoint", url, digest, is_chat=api == "chat")
        return AskedInWords(
            RemoteAnswerer(client, api),
            lambda samples: info.model_copy(update={"prompt_notes": note_unseen(samples)}),
            digest,
            url,
            REMOTE_ASKS_PER_BATCH,
            ReplyJournal,
        )


REMOTE_ASKS_PER_BATCH = 64
"""Asks that an endpoint answers before rows are written."""


def describe_unseen(model: str, architecture: str, device: str, digest: str, *, is_chat: bool = True) -> SubjectInfo:
    """A model whose weights nobody here has seen; the digest is over its name."""
    return SubjectInfo(
        name=model,
        revision=None,
        subject_digest=digest,
        architecture=architecture,
        n_layers=None,
        d_model=None,
        n_parameters=None,
        dtype="unknown",
        device=device,
        chat_template=is_chat,
        noise_floor_nats=_IN_WORDS,
    )
