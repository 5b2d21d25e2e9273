"""Fabricated panels of the report (classifier, prompts, robustness, ordinary code), and a comparison, also hostile."""

from __future__ import annotations

from typing import Any

from tests.report.records import HOSTILE, estimate, make_record

from vulnscope.records.answers import AnswerFigures, LineFigures, PromptFigures, Stability, WeaknessFigures
from vulnscope.records.audit import AuditRecord
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.records.comparison import Change, ComparedItem, ComparedRun, ComparedSlice, ComparisonRecord
from vulnscope.records.figures import (
    Background,
    Calibration,
    Classification,
    CutFigures,
    DeploymentPoint,
    LoudFunction,
    PromptCell,
    PromptGrid,
    PromptLine,
    PromptSpread,
    ReadOutAgreement,
    ReliabilityBin,
    Robustness,
    RobustnessLine,
)
from vulnscope.records.leaks import LabelWord, LeakRecord, Link, Overlap, Repetition, SharedOrigin, SurfaceRule

WARNING = "too few negatives: a rate of 0.5 % allows 0 of 60; 2,000 would allow 10"
CWES = ("CWE-22", "CWE-79", "CWE-89", "CWE-787")


def make_full_record(n_pairs: int = 60, **changes: Any) -> AuditRecord:
    """`make_record` with every panel."""
    panels = {
        "classification": make_classification(),
        "read_outs": ReadOutAgreement(
            n=120,
            agreement=estimate(0.94, 60),
            kappa=0.71,
            typed_accuracy=estimate(0.55, 60),
            log_odds_accuracy=estimate(0.57, 60),
        ),
        "prompt_grid": make_grid(("direct", "flaw", "review")),
        "robustness": make_robustness(("rename", "comments")),
        "background": make_background("src"),
        "leaks": make_leaks("train"),
        "answers": make_answers("S1"),
    }
    return make_record(n_pairs, **{**panels, **changes})


def make_hostile_panels() -> dict[str, Any]:
    """Panels whose every text from outside is hostile."""
    classification = make_classification()
    cuts = tuple(cut.model_copy(update={"warning": HOSTILE}) for cut in classification.cuts)
    grid = make_grid((HOSTILE, "flaw"))
    return {
        "classification": classification.model_copy(update={"cuts": cuts, "mcc": not_measured(HOSTILE)}),
        "prompt_grid": grid.model_copy(update={"columns": (HOSTILE, *CWES[1:])}),
        "robustness": make_robustness((HOSTILE,)),
        "background": make_background(HOSTILE),
        "leaks": make_leaks(HOSTILE),
        "answers": make_answers(HOSTILE),
    }


def make_classification() -> Classification:
    bins = tuple(
        ReliabilityBin(
            low=place / 10,
            high=(place + 1) / 10,
            mean_probability=(place + 0.5) / 10,
            share_vulnerable=estimate(0.3 + 0.04 * place, 12),
            n=12,
        )
        for place in range(10)
    )
    return Classification(
        share_vulnerable=0.5,
        balanced_accuracy=estimate(0.55, 60),
        mcc=Estimate(value=0.11, low=-0.02, high=0.24, method="bca", n=120, n_groups=60),
        average_precision=estimate(0.58, 60),
        cuts=tuple(
            CutFigures(
                false_positive_rate=rate,
                recall=estimate(found, 60),
                vd_s=estimate(1 - found, 60),
                warning=WARNING if rate < 0.01 else None,
            )
            for rate, found in ((0.005, 0.02), (0.01, 0.04), (0.05, 0.13))
        ),
        calibration=Calibration(
            brier=estimate(0.29, 60), error=0.21, error_by_chance=0.08, error_by_chance_high=0.12, bins=bins
        ),
    )


def make_grid(prompts: tuple[str, ...]) -> PromptGrid:
    def line(place: int, prompt: str) -> PromptLine:
        share = 0.42 + 0.09 * place
        cells = tuple(
            PromptCell(n=30, yes_rate=0.8, accuracy=max(0.0, min(1.0, share + 0.17 * (column - 1.5))), pair_rank=share)
            for column in range(len(CWES))
        )
        return PromptLine(
            prompt=prompt,
            yes_rate=estimate(0.8, 60),
            accuracy=estimate(share, 60),
            pair_rank=estimate(share, 60),
            cells=cells,
        )

    spread = PromptSpread(
        measure="accuracy",
        mean=estimate(0.51, 60),
        deviation=0.07,
        best=prompts[-1],
        best_value=estimate(0.6, 60),
        worst=prompts[0],
        worst_value=estimate(0.42, 60),
        best_on_others=estimate(0.56, 60),
    )
    return PromptGrid(
        columns=CWES,
        lines=tuple(line(place, prompt) for place, prompt in enumerate(prompts)),
        spread=(spread, spread.model_copy(update={"measure": "pair-rank"})),
        agreement=estimate(0.83, 60),
    )


def make_robustness(kinds: tuple[str, ...]) -> Robustness:
    lines = tuple(
        RobustnessLine(
            kind=kind,
            n=60,
            n_pairs=30,
            right_before=estimate(0.55, 30),
            right_after=estimate(0.51, 30),
            unchanged=estimate(0.9, 30),
            robust=estimate(0.48, 30),
            pair_robust=not_measured("no pairs") if place else estimate(0.07, 30),
            margin_change=Estimate(value=-0.31, low=-0.52, high=-0.11, method="bca", n=60, n_groups=30),
            accuracy_p=0.2,
            accuracy_p_corrected=0.4,
        )
        for place, kind in enumerate(kinds)
    )
    return Robustness(lines=lines, correction=f"Holm over {len(kinds)}")


def make_background(text: str) -> Background:
    points = tuple(
        DeploymentPoint(
            name=name,
            cut=cut,
            alarm_rate=estimate(alarms, 150),
            recall=estimate(found, 60),
            precision=estimate(0.03, 60),
            warning=warning,
        )
        for name, cut, alarms, found, warning in (
            ("what it says", NotMeasured(reason="the answer itself, no cut on the margin"), 0.36, 0.8, None),
            ("margin above the cut for 1 % alarms", 3.2, 0.01, 0.05, WARNING),
            ("margin above the cut for 5 % alarms", 2.1, 0.05, 0.13, None),
        )
    )
    return Background(
        folder=text,
        functions_digest="0123456789abcdef",
        n_functions=150,
        n_files=40,
        languages={"python" if text == "src" else text: 150},
        prevalence=0.01,
        unparsed_rate=estimate(0.0, 40),
        auroc=estimate(0.61, 40),
        points=points,
        loudest=(LoudFunction(function=f"{text}/app.py:12", margin=4.2, says="vulnerable"),),
        margins=tuple(-3 + place / 25 for place in range(150)),
        left_out=(f"3 files: {text}",),
    )


def make_answers(text: str) -> AnswerFigures:
    half = estimate(0.5, 60)
    return AnswerFigures(
        parser=text,
        states={"parsed": 110, "unparsed": 6, "refused": 3, "cut": 1},
        prompts=(
            PromptFigures(
                prompt=text,
                temperature=0.0,
                n=120,
                states={"parsed": 110, "unparsed": 6, "refused": 3, "cut": 1},
                yes_rate=estimate(0.8, 60),
                accuracy=half,
                pair_correct=estimate(0.1, 60),
                pair_correct_chance=0.16,
            ),
        ),
        stability=(
            Stability(prompt=text, temperature=0.2, n_repeats=10, same_verdict=estimate(0.9, 60), always_right=half),
        ),
        weaknesses=WeaknessFigures(
            n=60, exact=estimate(0.3, 60), parent=estimate(0.1, 60), child=estimate(0.05, 60), none=estimate(0.55, 60)
        ),
        lines=LineFigures(n=60, hit=half, precision=half, recall=half, share_named=estimate(0.2, 60)),
    )


def make_leaks(text: str) -> LeakRecord:
    overlap = Overlap(
        left=text,
        right="val",
        n_left=100,
        n_right=20,
        n_exact=2,
        n_near=3,
        n_leaks=3,
        origins=(SharedOrigin(kind=text, n_left=60, n_right=18, n_shared=4),),
        examples=(Link(one=f"{text}1", other="val/1", jaccard=0.9),),
    )
    return LeakRecord(
        corpus=text,
        version="1",
        content_digest="91bc77de20a4f3c8",
        n_samples=120,
        n_pairs=60,
        n_groups=60,
        splits={text: 100, "val": 20},
        within=Repetition(n_exact=4, n_near=6, n_components=3, n_mixed_labels=0, largest=3),
        overlaps=(overlap,),
        label_words=(LabelWord(word=text, n_vulnerable=9, n_fixed=1),),
        surface=(
            SurfaceRule(name=text, trained_on=text, auroc=estimate(0.6, 60), pair_rank=estimate(0.66, 60)),
            SurfaceRule(name="bag of tokens", trained_on=None, auroc=not_measured(text), pair_rank=estimate(0.7, 60)),
        ),
        seed=0,
        findings=(f"4 of 18 origins of val are in {text}",),
    )


def make_comparison(text: str = "", n_items: int = 40) -> ComparisonRecord:
    """A comparison; `text` stands in every place that takes text from outside."""
    record = make_record(n_items)
    name = text or "organism"
    run = ComparedRun(
        run=text or "20310504-030201-audit-a1b2",
        kind="audit",
        model=name,
        subject_digest="3f2a9c01d4e7b856",
        protocol=text or "yes-no",
        intervention="none",
        n_items=2 * n_items,
        command=text or "vulnscope audit organism",
    )
    slices = tuple(make_compared("cwe", value, gain) for value, gain in ((text or "CWE-89", 0.2), ("CWE-79", -0.05)))
    # A slice without pairs has no figures of pairs.
    single = tuple(change for change in slices[1].changes if not change.measure.startswith("pair"))
    slices = (slices[0], slices[1].model_copy(update={"n_pairs": 0, "changes": single}))
    items = tuple(
        ComparedItem(
            sample=f"{text}{place}",
            pair=f"{text}{place // 2}",
            cwe=text or "CWE-89",
            language=text or "python",
            label="vulnerable" if place % 2 == 0 else "fixed",
            says=("fixed", "vulnerable") if place < 6 else ("vulnerable", "vulnerable"),
            margins=(-0.5 + place / 40, 0.7 - place / 60),
            code=(text or "def f(x):\n    return x\n") if place < 10 else None,
        )
        for place in range(2 * n_items)
    )
    return ComparisonRecord(
        sentence=text or "6 of 80 answers differ; 4 became right and 2 wrong; accuracy +2.5 points, p = 0.688",
        before=run,
        after=run.model_copy(update={"model": text or "organism, steered"}),
        differences=(text or "intervention: none → steered",),
        corpus=record.corpus.model_copy(update={"name": name if text else "sven"}),
        n_only_before=2,
        n_only_after=0,
        is_one_unit=True,
        agreement=estimate(0.92, 40),
        kappa=NotMeasured(reason=text) if text else 0.61,
        overall=make_compared("all", "all", 0.025, text),
        slices=slices,
        items=items,
        config={text or "seed": text or 0},
        command=text or "vulnscope run compare a1b2 c3d4",
        versions={text or "numpy": text or "2.4.6"},
        seed=0,
        code_digest="0d5c2be17a9947f1",
        run=text or "20310504-030301-compare-a1b2",
    )


def make_compared(kind: str, value: str, gain: float, text: str = "") -> ComparedSlice:
    measures = ("accuracy", "pair-correct", "pair-rank", "auroc", "yes-rate", "unparsed", "margin")
    changes = tuple(
        Change.model_validate(
            {
                "measure": measure,
                "before": 0.5,
                "after": 0.5 + gain,
                "change": Estimate(value=gain, low=gain - 0.06, high=gain + 0.06, method="bca", n=80, n_groups=40)
                if measure != "auroc"
                else not_measured(text or "too few groups (8, 30 needed)"),
                "p": 0.688,
                "p_corrected": 1.0,
                "test": text or "exact sign flip by group",
                "detectable": NotMeasured(reason=text or "no item differs: the spread of differences is unknown")
                if measure == "unparsed"
                else 0.09,
            }
        )
        for measure in measures
    )
    return ComparedSlice(
        kind=kind,
        value=value,
        n_items=80,
        n_pairs=40,
        n_groups=40,
        n_flipped=6,
        n_gained=4,
        n_lost=2,
        changes=changes,
        correction="none" if kind == "all" else "Holm over 2",
    )
