"""Twin patching: is what differs between twins used? One twin's activations go into the other, layer by region.

Both directions run and count together, so that a disturbance that pushes every margin the same way cancels. Beside
every cell stands a control: donors of the recipient's own label from random other pairs, signed as a twin would be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from vulnscope.ask.checks import check_items, check_layers
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.ask.preparing import check_selection, describe_corpus, open_protocol, prepare_selected
from vulnscope.ask.prompt_notes import describe_subject
from vulnscope.ask.scored.items import QuestionItems, ask_items, read_log_odds
from vulnscope.corpora.splits import hash_group
from vulnscope.errors import InputError
from vulnscope.models import TokenText, WorkPlan, plan_patch, run_patch
from vulnscope.patch.claims import Pairing, Shifts, judge_used, measure_cells, write_sentence
from vulnscope.patch.record import PatchedMargin, PatchRecord
from vulnscope.records.audit import LeftOut
from vulnscope.stats import Bootstrap, is_impossible, name_correction

if TYPE_CHECKING:
    from vulnscope.ask.checks import Stage
    from vulnscope.ask.scored.preparation import Prepared
    from vulnscope.corpora import Corpus
    from vulnscope.kinds.context import Context
    from vulnscope.models import PatchRow, Subject
    from vulnscope.models.sweeps.patching import PatchJob
    from vulnscope.models.text.align import Region
    from vulnscope.patch.config import PatchConfig
    from vulnscope.prompts import AnswerTokens
    from vulnscope.store import Run

QUESTIONS: tuple[Literal["vulnerable", "secure"], ...] = ("vulnerable", "secure")
TWIN_REGIONS: tuple[Region, ...] = ("prefix", "changed", "suffix", "last")
RANDOM_REGIONS: tuple[Region, ...] = ("changed", "suffix", "last")
_MIN_PAIRS = 2


def check(context: Context[PatchConfig]) -> None:
    """Refuse what cannot be patched, before a run is made."""
    check_patching(context.corpus, context.settings)
    check_layers(context.settings.layers, context.subject.architecture.n_layers)


def run(context: Context[PatchConfig]) -> PatchRecord:
    """Patch the twins of the corpus in the run of `context`."""
    return run_patching(
        context.subject,
        context.corpus,
        context.settings,
        context.run,
        progress=context.tell,
    )


def check_patching(corpus: Corpus, config: PatchConfig) -> None:
    """Raise `InputError` where `config` cannot be carried out on `corpus`, before a model is opened or a run made."""
    selected = check_selection(corpus, config)
    samples = [sample for sample in selected.samples if sample.label != "unlabelled"]
    items = ScoreTable.of(samples, corpus.groups)
    check_items(items)
    if len(items.twins()) < _MIN_PAIRS:
        raise InputError(
            f"corpus {corpus.name!r} has {len(items.twins())} pair here; patching needs at least {_MIN_PAIRS}, since "
            "its control takes donors from other pairs"
        )


def run_patching(
    subject: Subject,
    corpus: Corpus,
    config: PatchConfig,
    run: Run,
    *,
    progress: Stage | None = None,
) -> PatchRecord:
    """Whether `subject` uses what differs between the twins of `corpus`.

    Rows already in `run` are not computed again. `progress` hears (stage, done, total). Neither result nor report is
    written: the caller does.
    """
    protocol = open_protocol(subject, config)
    prepared = prepare_selected(subject, corpus, config, protocol)
    asked = [ask_items(subject, protocol, prepared, question) for question in range(len(QUESTIONS))]
    items = ScoreTable.of(prepared.samples, corpus.groups)
    twins, left_out = choose_twins(items, asked[0], prepared, config)
    randoms = draw_randoms(twins, config.seed)
    layers = check_layers(config.layers, subject.architecture.n_layers)
    jobs = _plan(subject, asked, {"twins": twins, "random": randoms}, layers, run)
    rows = _carry_out(jobs, asked, {"twins": twins, "random": randoms}, run, progress)
    shifts = Shifts.of(rows, {"twins": twins, "random": randoms}, items)
    bootstrap = Bootstrap(n_draws=config.n_bootstrap, seed=config.seed)
    cells = measure_cells(shifts, bootstrap)
    claim, best = judge_used(cells, shifts.deviation)
    shown = [prepared.samples[place] for pairing in twins for place in pairing]
    tested = [cell for cell in cells if cell.region != "prefix" and isinstance(cell.p, float)]
    return PatchRecord(
        sentence=write_sentence(claim, best, cells, len(twins), corpus.name),
        subject=describe_subject(subject, protocol.chat, shown),
        corpus=describe_corpus(corpus, shown),
        protocol=protocol.name,
        used=claim,
        n_pairs=len(twins),
        margin_deviation=shifts.deviation,
        best=best,
        cells=cells,
        correction=name_correction(len(tested), sum(is_impossible(cell.p_corrected) for cell in tested)),
        left_out=(*prepared.left_out, *left_out),
        shortcuts_missing=tuple(jobs["twins"].plan.reuse.missing()),
        **run.provenance(config),
    )


def choose_twins(
    items: ScoreTable, asked: QuestionItems, prepared: Prepared, config: PatchConfig
) -> tuple[list[Pairing], list[LeftOut]]:
    """At most `config.max_pairs` pairs, groups taking turns in the order of their hash; vulnerable twin first."""
    found = [Pairing(*places) for places in items.twins().tolist()]
    equal = [pair for pair in found if asked.items[pair.first].tokens == asked.items[pair.second].tokens]
    left_out = []
    if equal:
        ids = tuple(prepared.samples[pair.first].pair_id or "" for pair in equal[:5])
        left_out.append(LeftOut(reason="twins with the same tokens", n=2 * len(equal), examples=ids))
    turns: dict[str, int] = {}

    def turn(pair: Pairing) -> tuple[int, str]:
        group = items.groups[pair.first]
        turns[group] = turns.get(group, 0) + 1
        return turns[group], hash_group(group, config.seed)

    ordered = sorted((pair for pair in found if pair not in equal), key=turn)
    if len(ordered) < _MIN_PAIRS:
        raise InputError(f"{len(ordered)} pair can be patched; at least {_MIN_PAIRS} are needed. Use a larger corpus")
    if len(ordered) > config.max_pairs:
        left_out.append(
            LeftOut(reason=f"beyond the {config.max_pairs} pairs asked for", n=2 * (len(ordered) - config.max_pairs))
        )
    return ordered[: config.max_pairs], left_out


def draw_randoms(twins: Sequence[Pairing], seed: int) -> list[Pairing]:
    """For each pair one of its twins, at random, with the twin of the same label of another pair.

    Such a donor disturbs as much as a twin does but brings no other label, so that only the label's part is beyond it.
    """
    generator = np.random.default_rng(seed)
    shift = int(generator.integers(1, len(twins)))
    order = generator.permutation(len(twins))
    partner = {int(one): int(order[(place + shift) % len(order)]) for place, one in enumerate(order)}
    sides = generator.integers(0, 2, size=len(twins)).tolist()
    return [Pairing(twins[number][side], twins[partner[number]][side]) for number, side in enumerate(sides)]


def _plan(
    subject: Subject,
    asked: Sequence[QuestionItems],
    pairings: dict[str, list[Pairing]],
    layers: Sequence[int],
    run: Run,
) -> dict[str, PatchJob]:
    """One job for twins and one for the control, planned as the run stored them."""
    stored = dict(run.plan or {})
    for revision in run.plan_revisions:
        stored.update(revision)
    jobs = {}
    for name, regions in (("twins", TWIN_REGIONS), ("random", RANDOM_REGIONS)):
        texts: list[tuple[TokenText, TokenText]] = [
            (each.items[pair.first], each.items[pair.second]) for pair in pairings[name] for each in asked
        ]
        answers = [each.answers[pair.first].sequences for pair in pairings[name] for each in asked]
        how = WorkPlan.model_validate(stored[name]) if name in stored else None
        jobs[name] = plan_patch(subject, texts, answers, layers, regions, how)
    if run.plan is None:
        run.save_plan({name: job.plan.model_dump(mode="json") for name, job in jobs.items()})
    return jobs


def _carry_out(
    jobs: dict[str, PatchJob],
    asked: Sequence[QuestionItems],
    pairings: dict[str, list[Pairing]],
    run: Run,
    progress: Stage | None,
) -> list[PatchedMargin]:
    total = sum(job.plan.n_units for job in jobs.values())
    before = 0
    for name, job in jobs.items():
        skip = min(max(run.n_batches - before, 0), job.plan.n_units)
        done = before + skip
        for unit in run_patch(job, skip, on_backoff=_remember(run, name)):
            read = [_read(name, row, asked, pairings[name]) for row in unit]
            # A unit without corresponding tokens leaves its mark too, so that units can be counted on resume.
            run.append(read or [{"job": name, "empty": True}])
            done += 1
            if progress is not None:
                progress("patching", done, total)
        before += job.plan.n_units
    return list(run.read_rows(PatchedMargin.model_validate, lambda row: "empty" not in row))


def _remember(run: Run, name: str) -> Callable[[WorkPlan], None]:
    return lambda plan: run.revise_plan({name: plan.model_dump(mode="json")})


def _read(name: str, row: PatchRow, asked: Sequence[QuestionItems], pairings: Sequence[Pairing]) -> PatchedMargin:
    pair, question = divmod(row.pair, len(asked))
    answers: AnswerTokens = asked[question].answers[pairings[pair].first]
    log_odds, clean, source = (read_log_odds(answers, each)[0] for each in (row.scores, row.clean, row.source))
    return PatchedMargin(
        job="twins" if name == "twins" else "random",
        pair=pair,
        question=QUESTIONS[question],
        into=row.into,
        site=row.site,
        region=row.region,
        n_tokens=row.n_tokens,
        log_odds=log_odds,
        clean=clean,
        source=source,
    )
