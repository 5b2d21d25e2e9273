"""The audit: ask every sample, measure what the model says, and put controls and intervals beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulnscope.ask.asking import Progress, ask
from vulnscope.ask.baselines import score_baselines
from vulnscope.ask.measures import Item, Twins, measure, pair_up
from vulnscope.ask.preparation import Prepared
from vulnscope.ask.selection import check_selection, describe_corpus, open_protocol, prepare_selected
from vulnscope.audit.sentence import write_sentence
from vulnscope.corpora import Corpus
from vulnscope.models import Subject, measure_noise_floor
from vulnscope.records.audit import AuditRecord, PairView, Point
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.audit.config import AuditConfig
    from vulnscope.records.base import Number
    from vulnscope.records.rows import VerdictRow
    from vulnscope.store import AnswerCache, Run

_N_NOISE_REQUESTS = 8


def run_audit(
    subject: Subject,
    corpus: Corpus,
    config: AuditConfig,
    run: Run,
    *,
    baseline_corpus: Corpus | None = None,
    cache: AnswerCache | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> AuditRecord:
    """What `subject` says about `corpus`, with controls and intervals.

    Rows already in `run` and answers in `cache` are not asked again. `baseline_corpus` is the loaded corpus that
    `config.baseline_corpus` names. `progress` receives (rows done, rows in all). Neither result nor report is
    written: the caller does. Raises `InputError` when nothing is left to ask.
    """
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    noise_floor = _measure_noise(subject, prepared)
    rows = ask(
        subject, protocol, prepared, run, cache=cache, max_batch_tokens=config.max_batch_tokens, progress=progress
    )
    items = _join(prepared, rows, corpus)
    baselines = score_baselines(prepared.samples, corpus, baseline_corpus, seed=config.seed)
    measured = measure(items, baselines, Bootstrap(n_draws=config.n_bootstrap, seed=config.seed))
    info = describe_corpus(corpus, prepared.samples)
    pairs = pair_up(items)
    shown = spread_out(pairs, config.max_pairs_shown)
    return AuditRecord(
        sentence=write_sentence(measured.overall, info),
        subject=subject.info(noise_floor).model_copy(update={"chat_template": protocol.is_chat}),
        corpus=info,
        protocol=protocol.name,
        prompts=tuple(prompt.name for prompt in protocol.prompts.prompts),
        canonical_prompt=protocol.canonical_text(),
        overall=measured.overall,
        slices=measured.slices,
        points=tuple(_point(item) for item in items),
        pairs=tuple(_view(twins) for twins in shown),
        n_pairs_not_shown=len(pairs) - len(shown),
        left_out=prepared.left_out,
        config=config.model_dump(mode="json"),
        command=command,
        versions=run.manifest.versions,
        seed=config.seed,
        code_digest=run.manifest.digests["code"],
        run=run.id,
    )


def check_audit(corpus: Corpus, config: AuditConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    check_selection(corpus, config)


def spread_out(pairs: Sequence[Twins], n_shown: int) -> list[Twins]:
    """`n_shown` pairs evenly over the range from best to worst told apart, so that they stand for all."""
    ordered = sorted(pairs, key=lambda twins: twins.fixed.row.margin - twins.vulnerable.row.margin)
    if len(ordered) <= n_shown:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / max(n_shown - 1, 1))] for place in range(n_shown)]


def _measure_noise(subject: Subject, prepared: Prepared) -> Number:
    shortest = sorted(range(len(prepared.samples)), key=lambda i: prepared.requests.packed[i].n_tokens[0])
    return measure_noise_floor(subject, [prepared.requests[i] for i in shortest[:_N_NOISE_REQUESTS]])


def _join(prepared: Prepared, rows: Sequence[VerdictRow], corpus: Corpus) -> list[Item]:
    pairs = zip(prepared.samples, rows, strict=True)
    return [Item(sample, row, corpus.groups[sample.id], place) for place, (sample, row) in enumerate(pairs)]


def _point(item: Item) -> Point:
    return Point(
        sample=item.sample.id,
        label="vulnerable" if item.is_vulnerable else "fixed",
        cwe=" ".join(item.sample.cwes),
        margin=item.row.margin,
        acquiescence=item.row.acquiescence,
        says=item.row.says,
    )


def _view(twins: Twins) -> PairView:
    vulnerable, fixed = twins
    return PairView(
        pair=vulnerable.sample.pair_id or "",
        cwe=" ".join(vulnerable.sample.cwes),
        language=vulnerable.sample.language,
        vulnerable_code=vulnerable.sample.code,
        fixed_code=fixed.sample.code,
        vulnerable_margin=vulnerable.row.margin,
        fixed_margin=fixed.row.margin,
        vulnerable_says=vulnerable.row.says,
        fixed_says=fixed.row.says,
        cut=vulnerable.row.cut,
        notes=tuple(dict.fromkeys((*vulnerable.sample.notes, *fixed.sample.notes))),
    )
