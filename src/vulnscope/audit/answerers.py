"""Subjects as something that can be asked in words, with what a record says about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.records.audit import SubjectInfo
from vulnscope.records.base import NotMeasured, digest_text

if TYPE_CHECKING:
    from vulnscope.ask.asks import Answerer
    from vulnscope.audit.config import AuditConfig
    from vulnscope.models import Subject
    from vulnscope.models.remote import EndpointClient
    from vulnscope.store import AnswerCache

_IN_WORDS = NotMeasured(reason="measured for the protocol yes-no on a local model")


class AskedSubject(NamedTuple):
    """A model ready to be asked."""

    answerer: Answerer
    info: SubjectInfo
    digest: str
    device: str
    asks_per_batch: int = 256
    keep_replies: Callable[[Path], None] = lambda _: None
    """Told where the run lies, once it is open: replies that are paid for are kept there one by one."""


def ask_locally(subject: Subject, config: AuditConfig, cache: AnswerCache | None) -> AskedSubject:
    """A subject on this machine; `cache` holds replies of earlier runs."""
    from vulnscope.ask.memory import ReplyMemory
    from vulnscope.ask.worded.local import LocalAnswerer

    answerer = LocalAnswerer(
        subject,
        is_chat=config.chat,
        max_batch_tokens=config.max_batch_tokens,
        memory=None if cache is None else ReplyMemory(cache, subject),
    )
    info = subject.info(_IN_WORDS).model_copy(update={"chat_template": answerer.is_chat})
    return AskedSubject(answerer, info, subject.digest, str(subject.device))


def ask_remotely(client: EndpointClient) -> AskedSubject:
    """A model behind an endpoint."""
    from vulnscope.ask.worded.journal import ReplyJournal
    from vulnscope.ask.worded.remote import RemoteAnswerer

    url, api = client.spec.url, client.find_api()
    digest = digest_text(f"{url}\0{client.model}" + "\0completions" * (api == "completions"))
    answerer = RemoteAnswerer(client, api)

    def keep_replies(folder: Path) -> None:
        answerer.journal = ReplyJournal(folder)

    info = describe_unseen(client.model, f"{api} endpoint", url, digest, is_chat=api == "chat")
    return AskedSubject(answerer, info, digest, url, asks_per_batch=64, keep_replies=keep_replies)


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
