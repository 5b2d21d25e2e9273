"""What the kind `probe` checks before a run is made, and does in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.checks import check_layers
from vulnscope.kinds.context import load_corpus
from vulnscope.probe.run import check_probe, run_probe

if TYPE_CHECKING:
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.context import Context
    from vulnscope.probe.config import ProbeConfig
    from vulnscope.records.probe import ProbeRecord


def check(context: Context[ProbeConfig]) -> list[Corpus]:
    """The other corpora to read; refuses what cannot be probed."""
    check_probe(context.corpus, context.settings)
    others = [load_corpus(name) for name in context.settings.transfer]
    check_layers(context.settings.layers, context.subject.architecture.n_layers)
    return others


def run(context: Context[ProbeConfig]) -> ProbeRecord:
    """Read, fit and hold against every surface rule."""
    return run_probe(
        context.subject,
        context.corpus,
        context.settings,
        context.run,
        others=context.checked,
        cache=context.cache,
        progress=context.tell,
    )
