"""What an audit asks, decided before any model is opened; and the same put to a model, before the first question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vulnscope.records.audit import AuditForecast

if TYPE_CHECKING:
    from vulnscope.ask.asking import Inquiry
    from vulnscope.audit.answerers import AskedModel
    from vulnscope.audit.config import AuditConfig
    from vulnscope.audit.figures.background import Source
    from vulnscope.audit.figures.judgement import ProtocolInfo
    from vulnscope.corpora import Corpus, Sample
    from vulnscope.records.audit import LeftOut, SubjectInfo
    from vulnscope.records.endpoints import EndpointSpec


class Ordinary(NamedTuple):
    """The ordinary functions that are asked about after the corpus."""

    corpus: Corpus
    source: Source


class Put(NamedTuple):
    """Questions put to a model."""

    inquiry: Inquiry[Any, Any]
    n_asked: int
    """So many of its samples are of the corpus; the others are ordinary functions."""
    left_out: tuple[LeftOut, ...]
    protocol: ProtocolInfo
    describe: Callable[[], SubjectInfo]
    ordinary: Ordinary | None = None


class Seated(NamedTuple):
    """A model ready to be asked. `put` is told where the run lies."""

    digest: str
    device: str
    put: Callable[[Path], Put]


@dataclass(frozen=True)
class AuditPlan(ABC):
    """What is asked of `corpus`, whole: groups and baselines go by it."""

    corpus: Corpus
    config: AuditConfig

    @abstractmethod
    def seat(self, model: AskedModel) -> Seated:
        """`model` ready to be asked; raises `InputError` where it cannot be."""

    @abstractmethod
    def estimate(self, model: AskedModel | EndpointSpec, clock: Callable[[], float]) -> AuditForecast:
        """What asking would take; a local model is timed by `clock` on a few questions, an endpoint is not called."""

    def complete_estimate(self, samples: Sequence[Sample], left_out: tuple[LeftOut, ...], **load: Any) -> AuditForecast:
        """The estimate for `samples` of the corpus; `load` is what asking would take."""
        asked, corpus = {sample.id for sample in samples}, self.corpus
        return AuditForecast(
            n_samples=len(samples),
            n_pairs=sum(twins.vulnerable.id in asked and twins.fixed.id in asked for twins in corpus.pairs),
            n_groups=len({corpus.groups[sample_id] for sample_id in asked}),
            n_left_out=sum(part.n for part in left_out),
            left_out=left_out,
            config=self.config.model_dump(mode="json"),
            **load,
        )
