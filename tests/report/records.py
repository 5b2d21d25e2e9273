"""Fabricated audit records: deterministic, realistic enough to judge the page by, and a hostile one.

The figures follow from drawn margins by the plainest formulas; only the page is under test here, not the statistics.
"""

from __future__ import annotations

from itertools import product
from math import sqrt
from random import Random
from statistics import NormalDist, mean
from typing import Any, Literal, NamedTuple

from tests.report.code import TWINS

from vulnscope.records.audit import (
    AuditRecord,
    Baseline,
    CorpusInfo,
    LeftOut,
    PairCells,
    PairView,
    Point,
    Slice,
    SubjectInfo,
)
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.records.rows import Says, Truncation

HOSTILE = (
    '</script><script>document.documentElement.setAttribute("data-owned", "script")</script>'
    "<img src=x onerror=\"document.documentElement.setAttribute('data-owned', 'image')\">"
    "<svg onload=\"document.title='owned'\"></svg>\"' onmouseover='document.title=1'"
    " {{ 7919*7907 }} <!-- \u2028\u2029 ]]>"
)


class Twin(NamedTuple):
    pair: str
    cwe: str
    language: str
    difficulty: str
    vulnerable: str
    fixed: str
    margins: tuple[float, float]
    acquiescences: tuple[float, float]
    says: tuple[Says, Says]


def make_record(n_pairs: int = 60, bias: float = 0.9, skill: float = 0.5, **changes: Any) -> AuditRecord:
    """A record over `n_pairs` drawn twins; `bias` leans to "vulnerable", `skill` parts the twins (both in nats)."""
    twins = draw_twins(n_pairs, bias, skill)
    overall = make_slice("all", "all", twins)
    fields: dict[str, Any] = {
        "sentence": (
            f"organism says vulnerable to {overall_percent(overall.yes_rate)} of everything; pair-correct "
            f"{overall_percent(overall.pair_correct)} {interval(overall.pair_correct)}, chance at that yes-rate "
            f"{100 * float(overall.pair_correct_chance):.0f} %; margins rank "  # type: ignore[arg-type]
            f"{overall_percent(overall.pair_rank)} {interval(overall.pair_rank)} of twins."
        ),
        "subject": SubjectInfo(
            name="organism",
            revision=None,
            subject_digest="3f2a9c01d4e7b856",
            architecture="Qwen2ForCausalLM",
            n_layers=6,
            d_model=192,
            n_parameters=3_148_992,
            dtype="float32",
            device="cpu",
            chat_template=False,
            switched_off=("prefix cache: differs from the plain forward by 3e-3 nats",),
            noise_floor_nats=7.6e-06,
        ),
        "corpus": CorpusInfo(
            name="synthetic",
            version="1",
            corpus_digest="91bc77de20a4f3c8",
            n_samples=2 * n_pairs + 3,
            n_pairs=n_pairs,
            n_groups=n_pairs,
            grouping="by pair: a claim about these templates, not about new ones",
            licence="Apache-2.0",
            bad_rows=("corpus.jsonl:17: no field 'code'",),
        ),
        "protocol": "yes-no",
        "prompts": ("direct", "flaw", "review"),
        "canonical_prompt": "### Code (python):\n…\n\n### Question:\nIs this code vulnerable?\n\n### Answer:\n",
        "overall": overall,
        "slices": slice_all(twins),
        "points": tuple(point for twin in twins for point in make_points(twin)),
        "pairs": tuple(make_view(twin, number) for number, twin in enumerate(twins)),
        "n_pairs_not_shown": 0,
        "left_out": (
            LeftOut(reason="no twin in the corpus", n=3, examples=("synthetic/89-0101", "synthetic/89-0102")),
            LeftOut(reason="nothing left after the cut", n=1, examples=("synthetic/787-0007",)),
        ),
        "config": {"protocol": "yes-no", "limit": None, "seed": 0, "n_bootstrap": 2000, "cwes": []},
        "command": "vulnscope audit organism --corpus synthetic --seed 0",
        "versions": {"python": "3.11.7", "torch": "2.13.0", "transformers": "5.23.0", "numpy": "2.4.6"},
        "seed": 0,
        "code_digest": "0d5c2be17a9947f1",
        "run": "20310504-030201-audit-a1b2",
    }
    return AuditRecord(**{**fields, **changes})


def make_hostile_record() -> AuditRecord:
    """A record whose every text from outside tries to run a script, or to end the place it stands in."""
    record = make_record(8)
    names = {"pair": HOSTILE, "cwe": HOSTILE, "language": HOSTILE, "notes": (HOSTILE,)}
    pairs = tuple(
        pair.model_copy(update={**names, "vulnerable_code": f"a\n{HOSTILE}\nb", "fixed_code": f"a\n{HOSTILE} \nb"})
        for pair in record.pairs
    )
    missing = not_measured(HOSTILE)
    overall = record.overall.model_copy(update={"value": HOSTILE, "correction": HOSTILE, "auroc": missing})
    return record.model_copy(
        update={
            "sentence": HOSTILE,
            "subject": record.subject.model_copy(
                update={"name": HOSTILE, "switched_off": (HOSTILE,), "prompt_notes": (HOSTILE,)}
            ),
            "corpus": record.corpus.model_copy(
                update={"name": HOSTILE, "grouping": HOSTILE, "bad_rows": (HOSTILE,), "problems": (HOSTILE,)}
            ),
            "canonical_prompt": HOSTILE,
            "prompts": (HOSTILE,),
            "overall": overall,
            "slices": tuple(part.model_copy(update={"value": HOSTILE, "auroc": missing}) for part in record.slices),
            "points": tuple(p.model_copy(update={"sample": HOSTILE, "cwe": HOSTILE}) for p in record.points),
            "pairs": pairs,
            "left_out": (LeftOut(reason=HOSTILE, n=1, examples=(HOSTILE,)),),
            "config": {HOSTILE: HOSTILE},
            "command": HOSTILE,
            "versions": {HOSTILE: HOSTILE},
            "run": HOSTILE,
        }
    )


def draw_twins(n_pairs: int, bias: float, skill: float) -> list[Twin]:
    random = Random(20310504)
    twins = []
    for number in range(n_pairs):
        cwe, language, vulnerable, fixed = TWINS[number % len(TWINS)]
        base = random.gauss(bias, 0.7)
        margins = (base + random.gauss(skill, 0.6) / 2, base - random.gauss(skill, 0.6) / 2)
        acquiescences = (random.gauss(0.4, 0.6), random.gauss(0.4, 0.6))
        says = tuple(draw_answer(random, margin) for margin in margins)
        twins.append(
            Twin(
                pair=f"{cwe.lower()}-{language}-{number:04d}",
                cwe=cwe,
                language=language,
                difficulty=("plain", "bound")[number // len(TWINS) % 2],
                vulnerable=vulnerable.replace("NAME", f"load_{number}"),
                fixed=fixed.replace("NAME", f"load_{number}"),
                margins=margins,
                acquiescences=acquiescences,
                says=(says[0], says[1]),
            )
        )
    return twins


def draw_answer(random: Random, margin: float) -> Says:
    if random.random() < 0.03:
        return "unparsed"
    return "vulnerable" if margin + random.gauss(0, 0.15) > 0 else "fixed"


def slice_all(twins: list[Twin]) -> tuple[Slice, ...]:
    kinds: tuple[Literal["cwe", "language", "difficulty"], ...] = ("cwe", "language", "difficulty")
    return tuple(
        make_slice(kind, value, [twin for twin in twins if getattr(twin, kind) == value])
        for kind in kinds
        for value in sorted({getattr(twin, kind) for twin in twins})
    )


def make_slice(kind: Any, value: str, twins: list[Twin]) -> Slice:
    n = len(twins)
    vulnerable, fixed = ([twin.margins[side] for twin in twins] for side in (0, 1))
    answers = [answer for twin in twins for answer in twin.says]
    yes = answers.count("vulnerable") / max(1, len(answers) - answers.count("unparsed"))
    cells = count_cells(twins)
    auroc = mean((v > f) + (v == f) / 2 for v, f in product(vulnerable, fixed))
    detection = measure_detection(twins)
    return Slice(
        kind=kind,
        value=value,
        n_samples=2 * n,
        n_pairs=n,
        n_groups=n,
        yes_rate=estimate(yes, n),
        unparsed_rate=estimate(answers.count("unparsed") / len(answers), n),
        accuracy=estimate(mean((t.says[0] == "vulnerable") / 2 + (t.says[1] == "fixed") / 2 for t in twins), n),
        auroc=estimate(auroc, n) if n > 4 else not_measured("too few groups: 4 of at least 5", n, n),
        d_a=sqrt(2) * NormalDist().inv_cdf(min(max(auroc, 0.01), 0.99)),
        pair_rank=estimate(mean(v > f for v, f in zip(vulnerable, fixed, strict=True)), n),
        pair_rank_p=0.012 if n > 30 else 0.21,
        mean_margin_auroc=estimate(min(1.0, auroc + 0.02), n),
        pair_cells=cells,
        pair_correct=estimate(cells.both_right, n),
        pair_correct_chance=yes * (1 - yes),
        pair_correct_p=0.0004 if n > 30 else 0.34,
        pair_rank_p_corrected=0.012 if n > 30 else 0.84,
        pair_correct_p_corrected=0.0004 if n > 30 else 1.0,
        correction="none" if kind == "all" else "Holm over 8",
        detectable_auroc=min(0.5, 1.4 / sqrt(n)),
        acquiescence_mean=mean(a for twin in twins for a in twin.acquiescences),
        label_mass_mean=0.93,
        baselines=make_baselines(n),
        **detection,
    )


def make_baselines(n: int) -> tuple[Baseline, ...]:
    half = estimate(0.5, n)
    return (
        Baseline(name="always-yes", auroc=half, pair_rank=half, pair_correct=0.0),
        Baseline(name="length", auroc=estimate(0.54, n), pair_rank=estimate(0.56, n), pair_correct=0.21),
        Baseline(
            name="character 3-5-grams",
            trained_on="synthetic, training split",
            auroc=estimate(0.51, n),
            pair_rank=estimate(0.53, n),
            pair_correct=NotMeasured(reason="the rule calls every sample vulnerable"),
        ),
    )


def measure_detection(twins: list[Twin]) -> dict[str, Number]:
    n = len(twins)
    hits, alarms = (sum(twin.says[side] == "vulnerable" for twin in twins) for side in (0, 1))
    if min(hits, alarms, n - hits, n - alarms) < 5:
        missing = NotMeasured(reason="not identified: fewer than 5 of one answer on a side")
        return {"hit_rate": hits / n, "false_alarm_rate": alarms / n, "d_prime": missing, "criterion": missing}
    hit_rate, alarm_rate = (hits + 0.5) / (n + 1), (alarms + 0.5) / (n + 1)
    z = NormalDist().inv_cdf
    return {
        "hit_rate": hit_rate,
        "false_alarm_rate": alarm_rate,
        "d_prime": z(hit_rate) - z(alarm_rate),
        "criterion": -(z(hit_rate) + z(alarm_rate)) / 2,
    }


def count_cells(twins: list[Twin]) -> PairCells:
    outcomes = [twin.says for twin in twins]
    n = len(outcomes)
    shares = {
        "both_right": outcomes.count(("vulnerable", "fixed")) / n,
        "both_vulnerable": outcomes.count(("vulnerable", "vulnerable")) / n,
        "both_fixed": outcomes.count(("fixed", "fixed")) / n,
        "both_wrong": outcomes.count(("fixed", "vulnerable")) / n,
    }
    return PairCells(**shares, unparsed=max(0.0, 1 - sum(shares.values())))


def make_points(twin: Twin) -> tuple[Point, Point]:
    first, second = (
        Point(
            sample=f"{twin.pair}/{label}",
            label=label,
            cwe=twin.cwe,
            margin=twin.margins[side],
            acquiescence=twin.acquiescences[side],
            says=twin.says[side],
            log_odds=twin.margins[side] + twin.acquiescences[side],
        )
        for side, label in ((0, "vulnerable"), (1, "fixed"))
    )
    return first, second


def make_view(twin: Twin, number: int) -> PairView:
    return PairView(
        pair=twin.pair,
        cwe=twin.cwe,
        language=twin.language,
        vulnerable_code=twin.vulnerable,
        fixed_code=twin.fixed,
        vulnerable_margin=twin.margins[0],
        fixed_margin=twin.margins[1],
        vulnerable_says=twin.says[0],
        fixed_says=twin.says[1],
        log_odds=(twin.margins[0] + twin.acquiescences[0], twin.margins[1] + twin.acquiescences[1]),
        cut=Truncation(kind="changed-window", first_line=12, last_line=60, n_lines=412) if number % 7 == 3 else None,
        notes=("upstream label is disputed",) if number % 11 == 5 else (),
    )


def estimate(value: float, n: int) -> Estimate:
    half = 1.96 * sqrt(max(value * (1 - value), 0.02) / n)
    return Estimate(
        value=value, low=max(0.0, value - half), high=min(1.0, value + half), method="bca", n=2 * n, n_groups=n
    )


def overall_percent(figure: Estimate) -> str:
    return f"{100 * float(figure.value):.0f} %"  # type: ignore[arg-type]


def interval(figure: Estimate) -> str:
    return f"[{100 * float(figure.low):.0f}, {100 * float(figure.high):.0f}]"  # type: ignore[arg-type]
