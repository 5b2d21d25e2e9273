"""The panel: what a subject says, knows and costs on held-out groups, as one call that trainers get handed.

Prepared once, with the subject as it is before anything is trained, and asked as often as wanted of the same subject
with other weights. Says: the answers to the canonical questions about the report groups. Knows: the mean difference
of twins of the fit groups, at the place that the choose groups choose, read out of the report groups; a probe study
finds more, this finds the same at every step. Costs: KL and perplexity of the next token on ordinary code, against the
subject as it was prepared. A reading holds for the weights: edits in force have outcomes and side effects of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from vulnscope.ask.figures.paired_scores import measure_auroc, measure_pair_rank
from vulnscope.ask.settings import Selection
from vulnscope.effects.margins import score_margins
from vulnscope.effects.outcomes import measure_said
from vulnscope.effects.reading.twins import best_place, choose_selector, find_mean_difference, read_out, read_twins
from vulnscope.effects.side_effects import Ordinary, build_ordinary, compare_ordinary, ordinary_functions, read_ordinary
from vulnscope.effects.splits import Splits, prepare_splits
from vulnscope.models import Site
from vulnscope.models.subject.sites import name_site
from vulnscope.records.panel import Drift, Known, PanelReading
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from vulnscope.corpora import Corpus
    from vulnscope.models import Subject


class PanelConfig(Selection):
    """Which groups a panel asks about, and where it reads."""

    fractions: tuple[float, float, float] = Field(default=(0.4, 0.3, 0.3), description="fit, choose, report")
    selectors: tuple[str, ...] = Field(default=("last", "code"), min_length=1, description="tokens to read, averaged")
    ordinary: str | None = Field(default=None, description="folder of ordinary code; None: Python's standard library")


@dataclass(frozen=True, eq=False)
class Panel:
    """Questions about held-out groups and positions of ordinary code, with the prepared subject's words there."""

    config: PanelConfig
    splits: Splits
    ordinary: Ordinary
    prepared: Float[Tensor, "n_positions vocab"]

    def measure(self, subject: Subject) -> PanelReading:
        """What `subject`, of the prepared one's tokenizer and width, says, knows and costs."""
        bootstrap = Bootstrap(n_draws=self.config.n_bootstrap, seed=self.config.seed)
        report = self.splits.report
        return PanelReading(
            says=measure_said(score_margins(subject, report.asked), report.items, bootstrap),
            knows=self._read_knowledge(subject, bootstrap),
            costs=self._measure_drift(subject),
        )

    def _read_knowledge(self, subject: Subject, bootstrap: Bootstrap) -> Known:
        sites = [Site(layer) for layer in range(subject.architecture.n_layers)]
        selectors = [choose_selector(name) for name in self.config.selectors]
        limit, splits = self.config.max_batch_tokens, self.splits
        twins = read_twins(subject, splits.fit, sites, selectors, limit)
        place = best_place(twins, splits.choose, subject, limit)
        scores = read_out(subject, splits.report, place, find_mean_difference(twins[place]), limit)
        return Known(
            site=name_site(place[0]),
            selector=str(place[1]),
            auroc=measure_auroc(scores, splits.report.items, bootstrap),
            pair_rank=measure_pair_rank(scores, splits.report.items, bootstrap),
        )

    def _measure_drift(self, subject: Subject) -> Drift:
        now = read_ordinary(subject, self.ordinary)
        divergence, before, after = compare_ordinary(self.prepared, now, self.ordinary)
        return Drift(
            kl_nats=divergence, perplexity_prepared=before, perplexity=after, n_positions=len(self.ordinary.cut)
        )


def prepare_panel(subject: Subject, corpus: Corpus, config: PanelConfig) -> Panel:
    """The panel of `corpus`, with `subject` as what later readings are compared to.

    Raises `InputError` where the corpus has too few groups to fit, choose and report apart.
    """
    splits = prepare_splits(subject, corpus, config, config.fractions)
    ordinary = build_ordinary(subject, ordinary_functions(config.ordinary, config.seed), config.seed)
    return Panel(config, splits, ordinary, read_ordinary(subject, ordinary))
