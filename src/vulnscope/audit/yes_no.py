"""The audit in yes and no: both polarities of every prompt, scored on the tokens of a model on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.answer_cache import ScoreMemory
from vulnscope.ask.preparing import check_selection, open_protocol, prepare_selected
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.ask.scored.asking import YesNoInquiry
from vulnscope.ask.scored.packed import Requests
from vulnscope.ask.scored.preparation import Prepared, prepare
from vulnscope.audit.answerers import LocalModel
from vulnscope.audit.figures.judgement import ProtocolInfo
from vulnscope.audit.ordinary import describe_source, load_background
from vulnscope.audit.plan import AuditPlan, Ordinary, Put, Seated
from vulnscope.models import measure_noise_floor, plan_batches, score_batch
from vulnscope.models.subject.inspection import estimate_memory

if TYPE_CHECKING:
    from vulnscope.audit.answerers import AskedModel
    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.corpora.ordinary import OrdinaryCode
    from vulnscope.records.audit import AuditForecast, SubjectInfo
    from vulnscope.records.endpoints import EndpointSpec

ROW_BYTES = 300
READING_BYTES = 180
_N_NOISE_REQUESTS = 8


class _Ready(NamedTuple):
    """Everything tokenised for one subject: the corpus, and the ordinary functions."""

    inquiry: YesNoInquiry
    prepared: Prepared
    ordinary: Prepared


@dataclass(frozen=True)
class YesNoAudit(AuditPlan):
    """The selected part of the corpus, and ordinary functions beside it."""

    selected: Corpus
    background: OrdinaryCode | None = None

    def seat(self, model: AskedModel) -> Seated:
        """`model`, which must be local: an endpoint shows no tokens. It is prepared for once the run is open."""
        assert isinstance(model, LocalModel), "an endpoint is asked in words"
        open_protocol(model.subject, self.config)  # refuses what cannot be asked, before there is a run
        return Seated(model.subject.digest, str(model.subject.device), lambda _: self._put(model))

    def estimate(self, model: AskedModel | EndpointSpec, clock: Callable[[], float]) -> AuditForecast:
        """Counted from the plan; one batch is timed."""
        assert isinstance(model, LocalModel), "an endpoint is asked in words"
        inquiry, prepared, ordinary = self._prepare(model)
        subject, n_questions, requests = model.subject, len(inquiry.protocol.questions), inquiry.prepared.requests
        plan = plan_batches(subject, requests, self.config.max_batch_tokens)
        batch = [requests[i] for i in plan.batches[len(plan.batches) // 2]]
        alone = plan_batches(subject, batch, plan.max_tokens)
        started = clock()
        score_batch(subject, batch, plan.max_tokens)
        seconds = (clock() - started) * plan.n_distinct_tokens / alone.n_distinct_tokens
        longest = max(max(packed.n_tokens) for packed in requests.packed)
        rows = max(1, plan.max_tokens // longest)
        return self.complete_estimate(
            prepared.samples,
            prepared.left_out,
            n_background=len(ordinary.samples),
            n_cut=sum(cut is not None for cut in inquiry.prepared.cuts),
            n_prompts=len(requests) * n_questions,
            n_batches=len(plan.batches),
            n_tokens=plan.n_tokens,
            n_distinct_tokens=plan.n_distinct_tokens,
            seconds=seconds,
            memory_bytes=estimate_memory(subject, rows, longest).total_bytes,
            disk_bytes=len(requests) * (ROW_BYTES + READING_BYTES * n_questions),
        )

    def _put(self, model: LocalModel) -> Put:
        inquiry, prepared, ordinary = self._prepare(model)
        protocol = inquiry.protocol

        def describe() -> SubjectInfo:
            shortest = sorted(range(len(prepared.samples)), key=lambda i: prepared.requests.packed[i].n_tokens[0])
            noise = measure_noise_floor(model.subject, [prepared.requests[i] for i in shortest[:_N_NOISE_REQUESTS]])
            return describe_subject(model.subject, protocol.chat, inquiry.samples, noise)

        return Put(
            inquiry,
            len(prepared.samples),
            prepared.left_out,
            ProtocolInfo(
                protocol.name, tuple(prompt.name for prompt in protocol.prompts.prompts), protocol.canonical_text()
            ),
            describe,
            None
            if self.background is None
            else Ordinary(self.background.corpus, describe_source(self.background, self.config, ordinary.left_out)),
        )

    def _prepare(self, model: LocalModel) -> _Ready:
        subject, config = model.subject, self.config
        protocol = open_protocol(subject, config)
        prepared = prepare_selected(subject, self.corpus, config, protocol, self.selected)
        functions = () if self.background is None else self.background.corpus.samples
        ordinary = prepare(protocol, functions, subject.max_positions)
        memory = ScoreMemory(model.cache, subject)
        inquiry = YesNoInquiry(subject, protocol, _join(prepared, ordinary), memory, config.max_batch_tokens)
        return _Ready(inquiry, prepared, ordinary)


def plan_yes_no(corpus: Corpus, config: AuditConfig) -> YesNoAudit:
    """What `config` asks of `corpus`; raises `InputError` where that cannot be, before a model is opened."""
    selected = check_selection(corpus, config)
    return YesNoAudit(corpus, config, selected, load_background(corpus, config, selected))


def _join(one: Prepared, other: Prepared) -> Prepared:
    """Both to be asked in one run, `one` first; what was left out is that of `one`."""
    return Prepared(
        samples=(*one.samples, *other.samples),
        cuts=(*one.cuts, *other.cuts),
        requests=Requests((*one.requests.packed, *other.requests.packed)),
        left_out=one.left_out,
    )
