"""How often "knows", "used" and "steering helps" are claimed where they are false, and how often where they are true.

Synthetic activations and margins, no model: (shuffled) labels mean nothing at all; (surface) labels can be read from
what code shows without a model, and activations hold that too; (planted) a stated effect. The claims are made by the
very functions that studies call.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.options import Options
from benchmarks.results import describe_machine
from vulnscope.ask.figures.paired_scores import ScoreTable
from vulnscope.effects.margins import Margins
from vulnscope.effects.outcomes import Controls, auroc_gain, correct_outcomes, measure_outcome
from vulnscope.patch.claims import Moves, Shifts, judge_used, measure_cells
from vulnscope.probe.decoding import decode
from vulnscope.probe.folds import deal_folds
from vulnscope.probe.nested import Feature
from vulnscope.stats import Bootstrap

N_PAIRS, N_LAYERS, WIDTH, N_SURFACE = 48, 3, 12, 3
LIMIT = 0.065
BOOTSTRAP = Bootstrap(n_draws=300)
CONDITIONS = ("shuffled", "surface", "planted")
PLANTED = {
    "knows": f"twins 2 noise deviations apart along one direction of every layer, beside {WIDTH - 1} others",
    "used": "a patch of one cell of 9 moves the margin by 0.6 deviations of what patches do by chance",
    "steering helps": "one of 4 interventions moves twins 1.5 nats apart, margins varying by 1.4 nats",
}
"""The effect at which power is stated."""
RESULTS = Path(__file__).parent / "results" / "false-claims.json"


class Rate(NamedTuple):
    """How often one claim was made under one condition."""

    claim: str
    condition: str
    n_draws: int
    rate: float


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: how often each claim is made under each condition."""
    n_draws = dict.fromkeys(CONDITIONS, 20 if options.is_quick else 1000)
    n_draws["planted"] //= 5
    rates = []
    for claim in CLAIMS:
        for condition in CONDITIONS:
            rate = simulate(claim, condition, n_draws[condition])
            rates.append(rate._asdict())
            say(f"{claim}, {condition}: {rate.rate:.1%} of {rate.n_draws}")
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "limit": LIMIT,
        "n_pairs": N_PAIRS,
        "rates": rates,
    }


def render(record: dict[str, Any]) -> str:
    """The record as Markdown."""
    rates = {(each["claim"], each["condition"]): each for each in record["rates"]}
    lines = [
        "## False claims",
        "",
        f"Synthetic activations and margins of {record['n_pairs']} pairs a draw, no model: how often each claim is "
        f"made where it is false (limit {record['limit']:.1%}), and where a stated effect is planted.",
        "",
        "| claim | labels shuffled within pairs | label in the surface only | planted effect found | planted |",
        "|---|---:|---:|---:|---|",
    ]
    for claim, effect in PLANTED.items():
        cells = [rates[claim, condition] for condition in CONDITIONS]
        shown = " | ".join(f"{cell['rate']:.1%} of {cell['n_draws']:,}" for cell in cells)
        lines.append(f"| {claim} | {shown} | {effect} |")
    return "\n".join(lines) + "\n"


def make_items() -> ScoreTable:
    """Twins side by side, each pair a group."""
    return ScoreTable(
        is_vulnerable=np.tile([True, False], N_PAIRS),
        groups=tuple(f"g{pair}" for pair in range(N_PAIRS) for _ in "vf"),
        strata=tuple(((f"CWE-{pair % 3}",), "c") for pair in range(N_PAIRS) for _ in "vf"),
        pairs=tuple(f"p{pair}" for pair in range(N_PAIRS) for _ in "vf"),
    )


ITEMS = make_items()
FOLDS = deal_folds(ITEMS.groups, 4, 2, 0)


def claims_knows(condition: str, generator: np.random.Generator) -> bool:
    """Whether a probe on synthetic activations is said to know."""
    label = ITEMS.is_vulnerable - 0.5
    shared = np.repeat(generator.normal(size=(N_PAIRS, N_SURFACE)), 2, axis=0)
    surface = shared + generator.normal(size=(2 * N_PAIRS, N_SURFACE))
    if condition == "surface":
        surface[:, 0] += 1.5 * label
    mixing = generator.normal(size=(N_LAYERS, N_SURFACE, WIDTH))
    features = []
    for layer in range(N_LAYERS):
        own = np.repeat(generator.normal(size=(N_PAIRS, WIDTH)), 2, axis=0)
        states = surface @ mixing[layer] + own + 0.5 * generator.normal(size=(2 * N_PAIRS, WIDTH))
        if condition == "planted":
            direction = generator.normal(size=WIDTH)
            states += 2.0 * label[:, None] * direction / np.linalg.norm(direction)
        features.append(Feature(f"layer {layer}, mean", states.astype(np.float32)))
    columns = surface.astype(np.float32)
    baselines = {
        "all": [Feature("all", columns)],
        "first": [Feature("first", columns[:, :1])],
        "rest": [Feature("rest", columns[:, 1:])],
    }
    found = decode(
        features, baselines, ITEMS, FOLDS, BOOTSTRAP, n_permutations=39, seed=int(generator.integers(1 << 30))
    )
    return found.claim == "yes"


def claims_used(condition: str, generator: np.random.Generator) -> bool:
    """Whether synthetic patches are said to move the margin.

    In `surface` the model's margin follows the surface and patches only disturb it, with a push of their own.
    """
    twins, randoms = {}, {}
    moves = {}
    for layer in range(N_LAYERS):
        for region in ("changed", "suffix", "last"):
            place = (layer, region)
            disturbance = generator.normal(size=(2, N_PAIRS)) + (0.7 if condition == "surface" else 0.0)
            effect = 0.6 if condition == "planted" and place == (1, "changed") else 0.0
            into_fixed, into_vulnerable = disturbance[0] + effect, disturbance[1] - effect
            twins[place] = (into_fixed - into_vulnerable) / 2
            push = generator.normal(size=(2, N_PAIRS)) + (0.7 if condition == "surface" else 0.0)
            signs = generator.choice([-1.0, 1.0], size=(2, N_PAIRS))
            randoms[place] = (signs * push).mean(0)
            clean = generator.normal(size=(2, N_PAIRS))
            for side, (into, change) in enumerate(zip(("first", "second"), (into_vulnerable, into_fixed), strict=True)):
                moves[place, into] = Moves(clean[side] + change, clean[side], clean[1 - side], np.ones(N_PAIRS))
    shifts = Shifts(twins, randoms, moves, tuple(ITEMS.groups[::2]), 1.0)
    return judge_used(measure_cells(shifts, BOOTSTRAP), shifts.deviation)[0] == "yes"


def claims_help(condition: str, generator: np.random.Generator) -> bool:
    """Whether one of four synthetic interventions is said to tell twins apart better.

    In `surface` margins already follow the surface, and steering shifts and disturbs them.
    """
    label = ITEMS.is_vulnerable - 0.5
    pair = np.repeat(generator.normal(size=N_PAIRS), 2)
    clean = pair + generator.normal(size=2 * N_PAIRS) + (1.0 * label if condition == "surface" else 0.0)

    def edit(effect: float) -> np.ndarray:
        return np.asarray(
            clean + generator.normal() + 0.5 * generator.normal(size=2 * N_PAIRS) + effect * label, dtype=np.float64
        )

    controls = Controls(
        tuple(float(auroc_gain(clean, edit(0.0), ITEMS)) for _ in range(20)),
        tuple(float(auroc_gain(clean, edit(0.0), ITEMS)) for _ in range(20)),
    )
    before = _as_said(clean)
    outcomes = [
        measure_outcome(
            f"method {number}",
            "method",
            "",
            before,
            _as_said(edit(1.5 if condition == "planted" and number == 0 else 0.0)),
            ITEMS,
            BOOTSTRAP,
            sign=1.0,
            controls=controls,
        )
        for number in range(4)
    ]
    return any(each.effect == "sensitivity" for each in correct_outcomes(outcomes))


CLAIMS: dict[str, Callable[[str, np.random.Generator], bool]] = {
    "knows": claims_knows,
    "used": claims_used,
    "steering helps": claims_help,
}


def simulate(claim: str, condition: str, n_draws: int, seed: int = 0) -> Rate:
    """The share of draws in which `claim` is made."""
    children = np.random.default_rng([seed, CONDITIONS.index(condition), list(CLAIMS).index(claim)]).spawn(n_draws)
    return Rate(claim, condition, n_draws, sum(CLAIMS[claim](condition, child) for child in children) / n_draws)


def _as_said(margins: np.ndarray) -> Margins:
    return Margins(margins, tuple("vulnerable" if margin > 0 else "fixed" for margin in margins.tolist()))
