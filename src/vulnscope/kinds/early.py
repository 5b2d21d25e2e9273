"""What a request gets wrong, found before anything heavy is imported: a slip of the pen is answered at once."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vulnscope import registry
from vulnscope.corpora import default_data_dir
from vulnscope.corpora.load import check_corpus
from vulnscope.errors import InputError
from vulnscope.models.subject.files import ORGANISM, looks_like_path, resolve_folder
from vulnscope.models.subject.names import check_names
from vulnscope.records.requests import CorpusRequest, SubjectRequest

if TYPE_CHECKING:
    from vulnscope.records.base import Record

_REGISTERED = ("protocol", "parser")
"""Fields of settings that name what is registered."""


def check_request(request: Record, settings: Record, inputs: Collection[str]) -> None:
    """Raise `InputError` for names, options, files and folders among the `inputs` of a request that are not there.

    A model on the Hub is not looked for: that takes the network. Nor are weights, which a forecast does without.
    Settings are those of the study.
    """
    for name in _REGISTERED if "subject" in inputs else ():
        if isinstance(value := getattr(settings, name, None), str):
            registry.find(name, value)
    for field in inputs:
        part = getattr(request, field, None)
        if isinstance(part, CorpusRequest):
            _check_corpus(part)
        elif isinstance(part, SubjectRequest) and part.endpoint is None:
            _check_subject(part)


def _check_corpus(asked: CorpusRequest) -> None:
    folder = Path(asked.data_dir) if asked.data_dir is not None else None
    options: dict[str, Any] = dict(asked.options)
    check_corpus(asked.name, folder or default_data_dir(asked.name, os.environ), options)


def _check_subject(asked: SubjectRequest) -> None:
    check_names(asked.dtype, asked.device, asked.quantize)
    for name, kind in ((asked.name, "model"), (asked.adapter, "adapter")):
        if name is not None and _is_local(name):
            revision = asked.revision if kind == "model" else None
            resolve_folder(name, revision, asked.trust_remote_code, kind, has_weights=False)


def _is_local(name: str) -> bool:
    try:
        stem = name.rpartition(":")[0] or name
        return stem == ORGANISM or looks_like_path(name) or Path(name).expanduser().exists() or Path(stem).exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{name!r} is no name of a model: {error}") from error
