"""lm-evaluation-harness as the peer: the same model object, tokenizer, prompts and answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.items import Question

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM

    from vulnscope.models import Subject


def is_installed() -> bool:
    """Whether the peer can be imported here."""
    return find_spec("lm_eval") is not None


def open_peer(subject: Subject, batch_size: int) -> HFLM:
    """The harness around the subject's own model; its softmax in float32, as ours."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from lm_eval.models.huggingface import HFLM

    return HFLM(
        pretrained=subject.model,
        tokenizer=subject.tokenizer,
        batch_size=batch_size,
        max_length=subject.max_positions,
        softmax_dtype="float32",
        device=str(subject.device),
    )


def encode(peer: HFLM, questions: Sequence[Question]) -> list[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]]:
    """Token ids of each prompt and its answers, exactly as the peer splits them."""
    encoded = []
    for question in questions:
        pairs = [peer._encode_pair(question.context, answer) for answer in question.answers]
        encoded.append((tuple(pairs[0][0]), tuple(tuple(continuation) for _, continuation in pairs)))
    return encoded


def score(peer: HFLM, questions: Sequence[Question]) -> list[list[float]]:
    """Log-probabilities of each question's answers through the peer's public call."""
    from lm_eval.api.instance import Instance

    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=(question.context, answer), idx=0)
        for question in questions
        for answer in question.answers
    ]
    flat = iter(peer.loglikelihood(requests, disable_tqdm=True))
    return [[next(flat)[0] for _ in question.answers] for question in questions]
