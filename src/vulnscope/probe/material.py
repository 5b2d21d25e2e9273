"""Everything a probing reads, gathered once: items, activations of every layer, surface features, what was said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vulnscope.ask.checks import check_layers
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.scored.items import ask_items
from vulnscope.corpora.code.text import split_lines
from vulnscope.models import Site
from vulnscope.probe.harvest import EMBEDDING, LAST, ORACLES, POOLS, Activations, harvest
from vulnscope.probe.nested import Feature
from vulnscope.probe.surface import EMBEDDING as EMBEDDING_NAME
from vulnscope.probe.surface import build_surface

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from vulnscope.ask.checks import Stage
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.models import Subject
    from vulnscope.probe.config import ProbeConfig


@dataclass(frozen=True, eq=False)
class Material:
    """One corpus as probes see it. `is_whole` marks items that were not cut around their change (an oracle)."""

    samples: tuple[Sample, ...]
    items: ScoreTable
    is_whole: np.ndarray
    layers: tuple[int, ...]
    activations: Activations
    lens: Activations | None
    surface: tuple[Feature, ...]
    tokenizer: PreTrainedTokenizerBase

    def features(self, pools: Sequence[str] | None = None) -> list[Feature]:
        """One feature per layer and pool; all pools that are no oracle by default."""
        chosen = [pool for pool in POOLS if pool not in ORACLES] if pools is None else pools
        return [
            Feature(f"layer {layer}, {pool}", self.activations.values[pool, Site(layer)])
            for pool in chosen
            for layer in self.layers
        ]

    def last(self, activations: Activations) -> dict[int, np.ndarray]:
        """The last token's states at each layer."""
        return {layer: activations.values[LAST, Site(layer)] for layer in self.layers}

    def embedding(self, pools: Sequence[str] | None = None) -> list[Feature]:
        """The embedding under each pool."""
        chosen = [pool for pool in POOLS if pool not in ORACLES] if pools is None else pools
        return [Feature(f"embedding, {pool}", self.activations.values[pool, EMBEDDING]) for pool in chosen]

    def baselines(self) -> dict[str, list[Feature]]:
        """Every rule that a probe has to beat, with what it may choose among."""
        return {**{feature.name: [feature] for feature in self.surface}, EMBEDDING_NAME: self.embedding()}

    def lengths(self) -> np.ndarray:
        """Characters of each item's code."""
        return np.array([len(sample.code) for sample in self.samples], dtype=np.float64)


def gather(
    subject: Subject,
    corpus: Corpus,
    prepared: Prepared,
    protocol: YesNoProtocol,
    config: ProbeConfig,
    *,
    folder: Path | None = None,
    has_lens: bool = True,
    progress: Stage | None = None,
) -> Material:
    """The material of `prepared`, whose chunks of activations are kept in `folder`."""
    layers = check_layers(config.layers, subject.architecture.n_layers)
    sites = [EMBEDDING, *(Site(layer) for layer in layers)]
    asked = [ask_items(subject, protocol, prepared, question) for question in range(2 if has_lens else 1)]
    total = sum(len(each.items) for each in asked)

    def tell(before: int) -> Callable[[int, int], None]:
        return lambda done, _: None if progress is None else progress("reading activations", before + done, total)

    def own(name: str) -> Path | None:
        return None if folder is None else folder / name

    limit = config.max_batch_tokens
    activations = harvest(subject, asked[0].items, sites, folder=own("asked"), max_tokens=limit, progress=tell(0))
    lens = None
    if has_lens:
        lens = harvest(
            subject,
            asked[1].items,
            sites[1:],
            {LAST: POOLS[LAST]},
            folder=own("opposite"),
            max_tokens=limit,
            progress=tell(len(asked[0].items)),
        )
    return Material(
        samples=prepared.samples,
        items=ScoreTable.of(prepared.samples, corpus.groups),
        is_whole=np.array([cut is None or cut.kind != "changed-window" for cut in prepared.cuts], dtype=bool),
        layers=layers,
        activations=activations,
        lens=lens,
        surface=build_surface([sample.code for sample in prepared.samples], subject.tokenizer),
        tokenizer=subject.tokenizer,
    )


def window_texts(samples: Sequence[Sample], windows: Mapping[str, Sequence[int]]) -> list[str]:
    """The code inside each sample's window, which the pool `changed` reads; empty without one."""
    texts = []
    for sample in samples:
        lines = split_lines(sample.code)
        texts.append("\n".join(lines[line - 1] for line in windows.get(sample.id, ()) if line <= len(lines)))
    return texts
