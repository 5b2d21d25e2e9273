"""What can be said against the settings of an audit before any corpus is loaded or model opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope import registry
from vulnscope.ask.worded.protocols.base import read_options
from vulnscope.ask.worded.protocols.yes_no import as_dialogues, open_yes_no
from vulnscope.audit.words import YES_NO, is_in_words, read_wording
from vulnscope.cwe import normalise_cwe
from vulnscope.errors import InputError
from vulnscope.prompts import load_prompts

if TYPE_CHECKING:
    from vulnscope.audit.config import AuditConfig
    from vulnscope.records.requests import SubjectRequest

# Settings that mean nothing where labels are scored, and their options.
_IN_WORDS = {
    "temperatures": "--temperature",
    "repeats": "--repeats",
    "max_new_tokens": "--max-new-tokens",
    "parser": "--parser",
}


def check_place(subject: SubjectRequest) -> None:
    """Raise `InputError` for options of weights that are asked of a model behind an endpoint: they would do nothing."""
    if subject.endpoint is None:
        return
    for name, field in type(subject).model_fields.items():
        if name not in ("name", "endpoint") and getattr(subject, name) != field.default:
            raise InputError(
                f"--{name.replace('_', '-')} is for weights that are opened here; {subject.name} answers behind "
                f"{subject.endpoint.url}. Leave it out"
            )


def check_settings(config: AuditConfig, *, is_remote: bool) -> None:
    """Raise `InputError` for a protocol, option, prompt, preset or parser that is none, listing the choices, and for
    settings that would change nothing.
    """
    if config.baseline_corpus is not None:
        registry.resolve("corpus", config.baseline_corpus)
    for cwe in config.cwes:
        normalise_cwe(cwe)
    if is_in_words(config, is_remote=is_remote):
        read_wording(config)
        return
    fields = type(config).model_fields
    for name, option in _IN_WORDS.items():
        if getattr(config, name) != fields[name].default:
            raise InputError(
                f"{option} is for answers in words; protocol {YES_NO} of a local model scores yes and no. "
                "Leave it out, or choose another --protocol"
            )
    prompts = load_prompts(config.prompts_file or YES_NO).keep(config.prompts)
    if config.preset is not None:
        as_dialogues(prompts).find_preset(config.preset)
    read_options(YES_NO, open_yes_no, dict(config.protocol_options))
