"""What a model writes after one text, as it is and under an intervention: to see steering, not to measure it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.errors import InputError
from vulnscope.interventions import Stored, under_intervention
from vulnscope.interventions.words import describe_edits
from vulnscope.models import generate, read_text
from vulnscope.records.apply import SteeredText

if TYPE_CHECKING:
    from vulnscope.models import Subject

_TEXT_SELECTORS = ("last", "all", "prompt", "generated", "positions")


def write_both(subject: Subject, stored: Stored, text: str, n_tokens: int, *, is_forced: bool = False) -> SteeredText:
    """Greedy continuations of `text`, un-steered and steered.

    Raises `InputError` for an intervention that does not change what the model writes, and for one whose tokens exist
    in questions about code only.
    """
    intervention, vectors = stored
    if not intervention.changes_model:
        raise InputError(
            f"intervention {intervention.name!r} changes questions or the threshold, not the model; measure it on a "
            "corpus: leave out --text"
        )
    if odd := [spec for spec in intervention.edits if spec.selector.kind not in _TEXT_SELECTORS]:
        raise InputError(
            f"the tokens “{odd[0].selector}” exist in questions about code only; measure the intervention on a corpus, "
            "or apply the vector with --selector last or all"
        )
    item = read_text(subject.tokenizer, text, quoted=())  # who writes turns of a chat means them
    limit = subject.max_positions
    if not item.tokens:
        raise InputError("--text is empty; give something to be continued")
    if limit is not None and len(item.tokens) + n_tokens > limit:
        raise InputError(
            f"{len(item.tokens)} tokens of text and {n_tokens} of answer do not fit the {limit} that {subject.name} "
            "reads; shorten the text or lower --tokens"
        )
    (plain,) = generate(subject, [item], n_tokens)
    with under_intervention(subject, intervention, vectors, is_forced=is_forced) as changed:
        (steered,) = generate(changed, [item], n_tokens)
    return SteeredText(
        intervention=intervention.name,
        what=describe_edits(intervention.edits) or f"adapter {intervention.adapter}",
        text=text,
        plain=plain.text,
        steered=steered.text,
        n_tokens=n_tokens,
    )
