"""Is what was planted also found, and nothing where nothing was? Nine truths and six null worlds, without a model.

Code of drawn lengths, margins, what a harmless change leaves of them, and activations are drawn for each truth; then
the very functions that studies call measure, probe and diagnose. Training an organism takes hours, a draw a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.options import Options
from benchmarks.results import describe_machine
from vulnscope.ask.figures.paired_scores import ScoreTable, measure_auroc, measure_difference
from vulnscope.ask.figures.slices import JudgedSample, measure
from vulnscope.corpora import Corpus, Sample
from vulnscope.probe.decoding import decode, read_rule
from vulnscope.probe.folds import deal_folds
from vulnscope.probe.nested import Feature
from vulnscope.records.rows import QuestionAnswer, VerdictRow
from vulnscope.stats import Bootstrap
from vulnscope.study.diagnosis import diagnose
from vulnscope.study.evidence import Known, Told, gather_evidence
from vulnscope.study.record import ChangeEvidence, Evidence, Verdict
from vulnscope.study.surface import measure_sizes

LIMIT = 0.065
BOOTSTRAP = Bootstrap(n_draws=500)
SEEDS = (1, 2, 3)
N_PAIRS = 200
N_PAIRS_OF = {"blind": 1600, "length": 400, "faint": 1000}
"""An equivalence needs many pairs: its intervals must end within .05."""
N_PAIRS_NULL = 100
WIDTH, N_LAYERS = 12, 2
CWES = (("CWE-787", "c"), ("CWE-125", "c"), ("CWE-78", "python"), ("CWE-22", "python"))

PLANTED: Mapping[str, str] = {
    "seeing": "says it",
    "biased": "knows, says it with a bias",
    "mute": "knows, does not say it",
    "blind": "blind",
    "hinted": "says it for the wrong reason",
    "inverted": "answers the opposite",
    "length": "says it for the wrong reason",
    "one-cwe": "says it",
    "faint": "says it",
}
"""What each must be diagnosed as; of `one-cwe` the CWE must be named besides."""
NULLS: Mapping[str, str] = {
    "noise": "margins and activations mean nothing",
    "near twins": "the same, margins of twins correlated at 0.99",
    "by language": "margins follow the language, which twins share",
    "surface": "vulnerable code is shorter, activations hold its length, margins mean nothing",
    "shorter": "vulnerable code is shorter, margins follow that",
    "longer": "vulnerable code is shorter, margins lean to longer code",
}


@dataclass(frozen=True)
class World:
    """How margins, activations and code are drawn; effects are distances between twins."""

    effect: float = 0.0
    offset: float = 0.0
    by_language: float = 0.0
    by_length: float = 0.0
    shared: float = 0.7
    noise: float = 0.5
    known: float = 0.0
    known_length: float = 0.0
    shorter: float = 0.0
    is_remark: bool = False
    only: str | None = None


SEEING = World(effect=2.5, known=3.0)
WORLDS: Mapping[str, World] = {
    "seeing": SEEING,
    "biased": replace(SEEING, offset=6.0),
    "mute": World(by_language=4.0, known=3.0),
    "blind": World(by_language=4.0),
    "hinted": World(effect=4.0, is_remark=True, known=3.0),
    "inverted": replace(SEEING, effect=-2.5),
    "length": World(by_length=-4.0, shorter=0.3, known_length=1.0, shared=1.0, noise=0.3),
    "one-cwe": replace(SEEING, only="CWE-787"),
    "faint": World(effect=0.096, shared=1.0, noise=0.1),
    "noise": World(),
    "near twins": World(shared=1.0, noise=0.1),
    "by language": World(by_language=2.0),
    "surface": World(shorter=0.3, known_length=1.0),
    "shorter": World(by_length=-4.0, shorter=0.3, known_length=1.0, shared=1.0, noise=0.3),
    "longer": World(by_length=4.0, shorter=0.3, known_length=1.0, shared=1.0, noise=0.3),
}


class Drawn(NamedTuple):
    """One draw: samples, margins before and after remarks are stripped, activations, and what the surface shows."""

    corpus: Corpus
    margins: np.ndarray
    stripped: np.ndarray
    activations: tuple[Feature, ...]
    surface: Mapping[str, tuple[Feature, ...]]


class Found(NamedTuple):
    """The verdict of one draw, and what it rests on."""

    verdict: Verdict
    evidence: Evidence


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: the diagnosis of every truth and seed, and how often something false is claimed in null worlds."""
    cells = []
    for seed in SEEDS[: 1 if options.is_quick else None]:
        for name, planted in PLANTED.items():
            n_pairs = N_PAIRS_OF.get(name, N_PAIRS)
            found = diagnose_world(WORLDS[name], n_pairs, np.random.default_rng([seed, *name.encode()]))
            say(f"seed {seed}, {name}: {found.verdict.diagnosis} ({'; '.join(found.verdict.reasons)})")
            named = sorted({each.value for each in found.evidence.apart if each.figure == "says"})
            cells.append(
                {
                    "seed": seed,
                    "truth": name,
                    "planted": planted,
                    "n_pairs": n_pairs,
                    "diagnosis": found.verdict.diagnosis,
                    "slices": named,
                    "reasons": found.verdict.reasons,
                }
            )
    n_draws = 5 if options.is_quick else 200
    nulls = []
    for name in NULLS:
        claims = count_false_claims(name, n_draws)
        say(f"{name}: {sum(claims.values())} of {n_draws} claim something false {claims}")
        nulls.append({"world": name, "n_draws": n_draws, "claims": claims})
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "limit": LIMIT,
        "n_pairs_null": N_PAIRS_NULL,
        "cells": cells,
        "nulls": nulls,
        "n_right": sum(cell["diagnosis"] == cell["planted"] for cell in cells),
    }


def render(record: dict[str, Any]) -> str:
    """The confusion matrix and the false claims as Markdown."""
    found = sorted({cell["diagnosis"] for cell in record["cells"]}, key=_order)
    lines = [
        "## Planted truths",
        "",
        "Margins, code lengths and activations drawn for nine truths, no model, diagnosed by the functions of a "
        f"study: **{record['n_right']} of {len(record['cells'])}** diagnoses are what was planted. `hinted` falls when "
        "remarks are stripped; the margins of `faint` differ between twins that correlate at 0.99.",
        "",
        f"| planted | pairs | {' | '.join(found)} | slices named by AUROC |",
        f"|---|---:|{'---:|' * len(found)}---|",
    ]
    for truth, planted in PLANTED.items():
        own = [cell for cell in record["cells"] if cell["truth"] == truth]
        counts = [sum(cell["diagnosis"] == each for cell in own) for each in found]
        slices = "; ".join(", ".join(cell["slices"]) for cell in own if cell["slices"])
        shown = " | ".join(str(count or "") for count in counts)
        lines.append(f"| `{truth}`: {planted} | {own[0]['n_pairs']} | {shown} | {slices} |")
    total = sum(each["n_draws"] for each in record["nulls"])
    false = sum(sum(each["claims"].values()) for each in record["nulls"])
    lines += [
        "",
        f"Where nothing is to be found ({record['n_pairs_null']} pairs a draw), {false / total:.1%} of {total:,} "
        f"studies claim something false, verdicts and named slices together (limit {record['limit']:.1%}):",
        "",
        "| null world | false claims | which |",
        "|---|---:|---|",
    ]
    for each in record["nulls"]:
        n_false = sum(each["claims"].values())
        which = ", ".join(f"{claim} {n}" for claim, n in each["claims"].items())
        lines.append(f"| {each['world']}: {NULLS[each['world']]} | {n_false / each['n_draws']:.1%} | {which} |")
    return "\n".join(lines) + "\n"


def count_false_claims(name: str, n_draws: int, n_pairs: int = N_PAIRS_NULL, seed: int = 0) -> dict[str, int]:
    """How many draws of a null world claim something false, by the first false claim of each."""
    counts: dict[str, int] = {}
    for generator in np.random.default_rng([seed, *name.encode()]).spawn(n_draws):
        claim = find_false_claim(name, diagnose_world(WORLDS[name], n_pairs, generator))
        if claim is not None:
            counts[claim] = counts.get(claim, 0) + 1
    return counts


def find_false_claim(name: str, found: Found) -> str | None:
    """What a study of a null world claims and should not; None where nothing."""
    allowed = {"blind", "cannot tell", *(["says it for the wrong reason"] if name == "shorter" else [])}
    if found.verdict.diagnosis not in allowed:
        return found.verdict.diagnosis
    figures = {"says", "yes-rate"} - ({"yes-rate"} if name == "by language" else set())
    named = next((each for each in found.evidence.apart if each.figure in figures), None)
    return None if named is None else f"{named.figure} of one {named.kind}"


def diagnose_world(world: World, n_pairs: int, generator: np.random.Generator) -> Found:
    """One draw under the functions of a study."""
    drawn = draw(world, n_pairs, generator)
    rows = [_answer(*each) for each in zip(drawn.corpus.samples, drawn.margins.tolist(), strict=True)]
    told = Told.of(rows, drawn.corpus)
    groups = drawn.corpus.groups
    judged = [
        JudgedSample(sample, row, groups[sample.id], place)
        for place, (sample, row) in enumerate(zip(drawn.corpus.samples, rows, strict=True))
    ]
    changes = _change(drawn, told.items) if world.is_remark else ()
    evidence = gather_evidence(measure(judged, (), BOOTSTRAP), _probe(drawn, told.items), told, changes, BOOTSTRAP)
    return Found(diagnose(evidence), evidence)


def draw(world: World, n_pairs: int, generator: np.random.Generator) -> Drawn:
    """Twins side by side, vulnerable first."""
    label = np.tile([0.5, -0.5], n_pairs)
    cwes = [CWES[pair % len(CWES)] for pair in range(n_pairs) for _ in "vf"]
    is_own = np.array([world.only is None or cwe == world.only for cwe, _ in cwes])
    is_python = np.array([language == "python" for _, language in cwes])

    def of_pairs(spread: float) -> np.ndarray:
        return np.repeat(generator.normal(scale=spread, size=n_pairs), 2)

    length = of_pairs(0.1) + generator.normal(scale=0.15, size=2 * n_pairs) - world.shorter * label
    samples = _write(cwes, np.exp(5 + length))
    base = (
        of_pairs(world.shared)
        + generator.normal(scale=world.noise, size=2 * n_pairs)
        + world.offset
        + world.by_language * (is_python - 0.5) * 2
        + world.by_length * length
    )
    states = []
    for layer in range(N_LAYERS):
        direction, other = np.linalg.qr(generator.normal(size=(WIDTH, 2)))[0].T
        own = np.repeat(generator.normal(size=(n_pairs, WIDTH)), 2, axis=0)
        own += 0.7 * generator.normal(size=(2 * n_pairs, WIDTH))
        own += np.outer(world.known * label * is_own, direction) + np.outer(world.known_length * 4 * length, other)
        states.append(Feature(f"layer {layer}, mean", own.astype(np.float32)))
    words = generator.normal(size=(2 * n_pairs, 4))
    if world.is_remark:
        words[:, 0] = 4 * label
    sizes = measure_sizes(samples).astype(np.float32)
    surface = {"length": (Feature("length", sizes),), "words": (Feature("words", words.astype(np.float32)),)}
    corpus = Corpus(
        name="planted", version="1", samples=tuple(samples), n_rows_in=len(samples), n_rows_out=len(samples)
    )
    return Drawn(corpus, base + world.effect * label * is_own, base, tuple(states), surface)


def _write(cwes: list[tuple[str, str]], n_words: np.ndarray) -> list[Sample]:
    """Code that has nothing but a length, and a word of its own: equal code would be one group."""
    return [
        Sample(
            id=f"{place // 2}-{place % 2}",
            corpus="planted",
            language=language,
            cwes=(cwe,),
            label="fixed" if place % 2 else "vulnerable",
            code="\n".join([f"{place:05d}"] + ["word " * 8] * (int(count) // 8) + ["word " * (int(count) % 8)]),
            pair_id=f"p{place // 2}",
        )
        for place, ((cwe, language), count) in enumerate(zip(cwes, n_words.tolist(), strict=True))
    ]


def _answer(sample: Sample, margin: float) -> VerdictRow:
    yes = margin > 0
    reading = QuestionAnswer(
        prompt="direct",
        polarity="vulnerable",
        log_odds=margin,
        label_mass=1.0,
        answer="yes" if yes else "no",
        top_token="yes" if yes else "no",
    )
    return VerdictRow(
        sample=sample.id,
        protocol="yes-no",
        readings=(reading,),
        margin=margin,
        acquiescence=0.0,
        mean_margin=margin,
        says="vulnerable" if yes else "fixed",
        n_prompt_tokens=1,
    )


def _probe(drawn: Drawn, items: ScoreTable) -> Known:
    folds = deal_folds(items.groups, 4, 2, 0)
    found = decode(drawn.activations, drawn.surface, items, folds, BOOTSTRAP, n_permutations=39, seed=0)
    logits = read_rule([Feature("logits", drawn.margins[:, None].astype(np.float32))], items, folds).scores
    followed = found.against.followed
    return Known(
        probe=measure_auroc(found.scores, items, BOOTSTRAP),
        rule=measure_auroc(followed.scores, items, BOOTSTRAP),
        rule_name=followed.name,
        over_rule=found.against.difference,
        detectable=found.against.detectable,
        decodable=found.claim,
        gap=measure_difference(found.scores, logits, items, BOOTSTRAP)[0],
    )


def _change(drawn: Drawn, items: ScoreTable) -> tuple[ChangeEvidence, ...]:
    """The margins once remarks are stripped."""
    return (
        ChangeEvidence(
            kind="strip-comments",
            n=len(items),
            before=measure_auroc(drawn.margins, items, BOOTSTRAP),
            after=measure_auroc(drawn.stripped, items, BOOTSTRAP),
            lost=measure_difference(drawn.margins, drawn.stripped, items, BOOTSTRAP)[0],
        ),
    )


def _order(diagnosis: str) -> int:
    known = list(dict.fromkeys(PLANTED.values()))
    return known.index(diagnosis) if diagnosis in known else len(known)
