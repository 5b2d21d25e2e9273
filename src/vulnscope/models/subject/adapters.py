"""A PEFT adapter put into a subject for the time of a block, and taken out again whatever happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.models.subject.files import digest_files, resolve_folder
from vulnscope.models.subject.loading import load_adapter
from vulnscope.records.base import digest_text

if TYPE_CHECKING:
    from torch import nn

    from vulnscope.models.subject.subject import Subject


@contextmanager
def adapted(subject: Subject, adapter: str) -> Iterator[Subject]:
    """The subject with `adapter` (a folder or Hub id) in it, under a digest of its own.

    The model is changed in place: inside the block `subject` runs adapted too, and only the subject yielded says so.
    Afterwards every module is the one it was. Raises `InputError` where the subject has an adapter already.
    """
    if subject.adapter is not None:
        raise InputError(
            f"{subject.name} was opened with adapter {subject.adapter!r}; one at a time: open it without adapter="
        )
    folder = resolve_folder(adapter, None, False, kind="adapter").path
    digest = digest_text(f"{subject.digest} {digest_files(folder)}")
    with _restored(subject.model):
        load_adapter(subject.model, folder)
        yield replace(subject, adapter=adapter, digest=digest)


@contextmanager
def _restored(model: nn.Module) -> Iterator[None]:
    """Afterwards `model` has its modules, attributes and gradient switches back."""
    modules = dict(model.named_modules())
    attributes = dict(vars(model))
    switches = {parameter: parameter.requires_grad for parameter in model.parameters()}
    try:
        yield
    finally:
        # Parents come first, and an adapter wraps what it replaces: what lies below comes back with its parent.
        for name, module in modules.items():
            parent, _, own = name.rpartition(".")
            if name and getattr(modules[parent], own) is not module:
                setattr(modules[parent], own, module)
        for name in set(vars(model)) - set(attributes):
            delattr(model, name)
        vars(model).update(attributes)
        for parameter, is_trained in switches.items():
            parameter.requires_grad_(is_trained)
