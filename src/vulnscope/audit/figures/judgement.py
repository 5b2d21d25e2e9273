"""From rows to the record of an audit: figures, controls, what is shown. Asks nothing and opens no model.

Whatever made the rows (a model just asked, a run parsed again, an ensemble of runs) is judged here, by the same rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vulnscope.ask.figures.answer_measures import measure_answers
from vulnscope.ask.figures.baselines import score_baselines
from vulnscope.ask.figures.slices import JudgedSample, Twins, measure, pair_up
from vulnscope.ask.preparing import describe_corpus
from vulnscope.ask.worded.answers_to_rows import unify_readouts
from vulnscope.audit.figures.classification import classify, compare_read_outs
from vulnscope.audit.figures.leaks import check_corpus
from vulnscope.audit.figures.prompt_grid import lay_grid
from vulnscope.audit.figures.robustness import measure_robustness
from vulnscope.audit.figures.sentence import write_sentence
from vulnscope.records.answers import MarginKind
from vulnscope.records.audit import AuditRecord, LeftOut, PairView, Point, SubjectInfo
from vulnscope.stats import Bootstrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.audit.config import AuditConfig
    from vulnscope.corpora import Corpus
    from vulnscope.records.figures import ReadOutAgreement
    from vulnscope.store import StoredRun


class ProtocolInfo(NamedTuple):
    """What was put to the model."""

    protocol: str
    prompts: tuple[str, ...]
    canonical_prompt: str


class Case(NamedTuple):
    """What answers are judged in: the corpus, whole, by whose settings, and the run that holds them.

    `config` gives seed, draws and how many pairs are shown; `baseline_corpus` is the loaded corpus that it names.
    """

    corpus: Corpus
    config: AuditConfig
    run: StoredRun
    baseline_corpus: Corpus | None = None


def judge(
    items: Sequence[JudgedSample],
    case: Case,
    asked: ProtocolInfo,
    subject: SubjectInfo,
    left_out: tuple[LeftOut, ...] = (),
) -> AuditRecord:
    """Everything that can be said of `items`, whose places are 0, 1, ... in order.

    Samples carry their code as the model saw it.
    """
    corpus, config, run, baseline_corpus = case
    items = _on_one_scale(items)
    readout: MarginKind = "text" if any(item.row.readout == "text" for item in items) else "log-odds"
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    baselines = score_baselines([item.sample for item in items], corpus, baseline_corpus, seed=config.seed)
    others = () if baseline_corpus is None else (baseline_corpus,)
    measured = measure(items, baselines, bootstrap)
    info = describe_corpus(corpus, [item.sample for item in items])
    pairs = pair_up(items)
    shown = spread_out(pairs, config.max_pairs_shown)
    return AuditRecord(
        sentence=write_sentence(measured.overall, info, readout, measured.slices),
        subject=subject,
        corpus=info,
        protocol=asked.protocol,
        prompts=asked.prompts,
        canonical_prompt=asked.canonical_prompt,
        intervention=items[0].row.intervention,
        readout=readout,
        answers=measure_answers(items, bootstrap),
        overall=measured.overall,
        slices=measured.slices,
        classification=classify(items, bootstrap, has_log_odds=readout == "log-odds"),
        read_outs=_compare_read_outs(items, bootstrap),
        prompt_grid=lay_grid(items, bootstrap),
        robustness=measure_robustness(items, bootstrap),
        leaks=check_corpus(corpus, others, seed=config.seed) if config.check_leaks else None,
        points=tuple(_point(item) for item in items),
        pairs=tuple(_view(twins) for twins in shown),
        n_pairs_not_shown=len(pairs) - len(shown),
        left_out=left_out,
        **run.provenance(config),
    )


def _compare_read_outs(items: Sequence[JudgedSample], bootstrap: Bootstrap) -> ReadOutAgreement | None:
    """What is typed against what the log-odds favour, both for the canonical question."""
    both = [item for item in items if item.row.readings]
    return compare_read_outs(both, [item.row.readings[0].log_odds for item in both], bootstrap)


def _on_one_scale(items: Sequence[JudgedSample]) -> list[JudgedSample]:
    """Margins of all as nats, or of all as votes where any answer has none in nats."""
    rows = unify_readouts([item.row for item in items])
    return [item._replace(row=row) for item, row in zip(items, rows, strict=True)]


def spread_out(pairs: Sequence[Twins], n_shown: int) -> list[Twins]:
    """`n_shown` pairs evenly over the range from best to worst told apart, so that they stand for all."""
    ordered = sorted(pairs, key=lambda twins: twins.fixed.row.margin - twins.vulnerable.row.margin)
    if len(ordered) <= n_shown:
        return ordered
    return [ordered[round(place * (len(ordered) - 1) / max(n_shown - 1, 1))] for place in range(n_shown)]


def _point(item: JudgedSample) -> Point:
    return Point(
        sample=item.sample.id,
        label="vulnerable" if item.is_vulnerable else "fixed",
        cwe=" ".join(item.sample.cwes),
        margin=item.row.margin,
        acquiescence=item.row.acquiescence,
        says=item.row.says,
        log_odds=item.row.decided_by,
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
        log_odds=(vulnerable.row.decided_by, fixed.row.decided_by),
        cut=vulnerable.row.cut,
        notes=tuple(dict.fromkeys((*vulnerable.sample.notes, *fixed.sample.notes))),
    )
