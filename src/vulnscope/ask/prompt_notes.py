"""What a page says on top about prompts: a thought that the template opens, and control tokens in the code."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from vulnscope.prompts.tokens import controls_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vulnscope.corpora import Sample
    from vulnscope.models import Subject
    from vulnscope.prompts import Chat
    from vulnscope.records.audit import SubjectInfo
    from vulnscope.records.base import Number

_MOST_NAMED = 3
# Of the models in use; an endpoint does not show its own.
_USUAL = re.compile(
    r"<[|｜][^|｜<>\s]{1,40}[|｜]>|</?s>|<[be]os>|\[/?INST\]|<<?/?SYS>?>|</?think>|<(?:start|end)_of_turn>",
    re.IGNORECASE,
)
_THOUGHTS = {
    "close": "it was closed, empty, so that answers stand outside of it",
    "keep": "it was left open, so that what is scored or written begins inside a thought and is no answer yet",
}


def describe_subject(
    subject: Subject, chat: Chat | None, samples: Sequence[Sample], noise_floor: Number | None = None
) -> SubjectInfo:
    """The subject as it was asked about `samples`; `chat` is None where that was in plain texts."""
    notes = note_prompts(subject.tokenizer, chat, samples)
    return subject.info(noise_floor).model_copy(update={"chat_template": chat is not None, "prompt_notes": notes})


def note_prompts(tokenizer: PreTrainedTokenizerBase, chat: Chat | None, samples: Sequence[Sample]) -> tuple[str, ...]:
    """What was done to the prompts of a local model, a sentence each."""
    notes = []
    if chat is not None and (thought := chat.find_thought()):
        notes.append(
            f"The chat template opens a thought ({thought}) before each answer; {_THOUGHTS[chat.opened_thought]}."
        )
    controls = controls_of(tokenizer)
    holding = [sample for sample in samples if controls.find(sample.code)]
    unread = [sample for sample in holding if not controls.can_quote(sample.code)]
    read = [sample for sample in holding if sample not in unread]
    if read:
        notes.append(
            f"{_count(read, samples)} text of control tokens ({_name(read, controls.find)}); it was read as text."
        )
    if unread:
        notes.append(
            f"{_count(unread, samples)} text of control tokens ({_name(unread, controls.find)}), which this tokenizer "
            "cannot read as text: there the code can speak as a turn of the chat."
        )
    return tuple(notes)


def note_unseen(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The same of an endpoint, whose template and tokenizer nobody here has seen."""
    holding = [sample for sample in samples if _USUAL.search(sample.code)]
    if not holding:
        return ()
    named = _name(holding, _USUAL.findall)
    return (
        f"{_count(holding, samples)} text that many models take for control tokens ({named}); an endpoint cannot be "
        "told to read it as text, so there the code may speak as a turn of the chat.",
    )


def _count(holding: Sequence[Sample], samples: Sequence[Sample]) -> str:
    return f"In {len(holding):,} of {len(samples):,} samples the code holds"


def _name(holding: Sequence[Sample], find: Callable[[str], Sequence[str]]) -> str:
    names = tuple(dict.fromkeys(name for sample in holding for name in find(sample.code)))
    return ", ".join((*names[:_MOST_NAMED], *("…",) * (len(names) > _MOST_NAMED)))
