"""Protocol `primevul`: two listed options, plain and with reasoning, zero- and two-shot (arXiv 2403.18624).

Plain prompts are scored: margin = mean over both option orders of the log-odds of "vulnerable" against "not", in nats.
The two examples are a pair of another group than any that is asked, drawn by seed: from the training split where the
corpus has one, else from the asked samples, which then leave that group out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vulnscope.ask.worded.protocols.base import Context, DialogueProtocol, NoOptions, Shot
from vulnscope.corpora.splits import hash_group
from vulnscope.errors import InputError

if TYPE_CHECKING:
    from vulnscope.corpora import Pair, Sample
    from vulnscope.prompts import DialoguePrompt

# An example longer than this many characters would leave little room for the question.
_LONG = 1500


class PrimeVulProtocol(DialogueProtocol):
    """Two options, with one pair as examples."""

    def __init__(self, context: Context, pair: Pair | None, example_ids: frozenset[str]) -> None:
        super().__init__(context)
        self._example_ids = example_ids
        self._shots = (
            ()
            if pair is None
            else tuple(
                Shot(sample.language, sample.code, "vulnerable" if sample.label == "vulnerable" else "fixed")
                for sample in (pair.vulnerable, pair.fixed)
            )
        )

    @property
    def example_ids(self) -> frozenset[str]:
        """Samples of the examples' group."""
        return self._example_ids

    def find_shots(self, sample: Sample, prompt: DialoguePrompt) -> Sequence[Shot]:
        """The same pair for every sample."""
        del sample, prompt
        return self._shots


def open_primevul(settings: NoOptions, context: Context) -> PrimeVulProtocol:
    """The protocol; raises `InputError` where examples are asked for and the corpus has no pair to spare."""
    del settings
    names = context.prompts or context.dialogues.names
    if all(context.dialogues.find(name).shots == "none" for name in names):
        return PrimeVulProtocol(context, None, frozenset())
    groups = context.corpus.groups
    asked = {sample.id for sample in context.samples}
    asked_groups = {groups[sample_id] for sample_id in asked}
    pairs = context.corpus.pairs
    training = [
        pair for pair in pairs if pair.vulnerable.split == "train" and groups[pair.vulnerable.id] not in asked_groups
    ]
    pool = training or [pair for pair in pairs if pair.vulnerable.id in asked]
    if not pool or (not training and len(asked_groups) < 2):
        raise InputError(
            f"corpus {context.corpus.name!r} has no pair to spare as an example for the two-shot prompts; "
            "leave them out with --prompt plain --prompt plain-swapped --prompt reasoning"
        )
    pair = min(pool, key=lambda each: (len(each.vulnerable.code) > _LONG, hash_group(each.id, context.seed)))
    group = groups[pair.vulnerable.id]
    return PrimeVulProtocol(context, pair, frozenset(i for i in asked if groups[i] == group))
