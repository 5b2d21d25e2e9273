"""Is what was planted also found? The organism and its variants, trained anew from other seeds, under diagnosis.

The limits of the diagnosis were chosen on the organism that ships (seed 0). For each other seed the whole recipe runs
again, weights, order of the data and variants; then every variant is diagnosed on unseen pairs of the templates of the
training. Patching and steering play no part in a diagnosis and are left out. Trainings and diagnoses are kept in the
cache and continued there; a training takes 15 to 30 minutes on two cores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.options import Options
from benchmarks.results import describe_machine
from vulnscope import store
from vulnscope.corpora import load_corpus
from vulnscope.corpora.synthetic import EVALUATION_SEED
from vulnscope.models import open_subject
from vulnscope.organism.build import REPORT, build_organism
from vulnscope.organism.plan import full_config
from vulnscope.organism.record import OrganismReport
from vulnscope.organism.train import WEIGHTS
from vulnscope.organism.variants import VARIANTS, choose_variants, plant_all
from vulnscope.study.config import StudyConfig
from vulnscope.study.run import diagnose_subject

PLANTED: Mapping[str, str] = {
    "seeing": "says it",
    "biased": "knows, says it with a bias",
    "mute": "knows, does not say it",
    "blind": "blind",
    "hinted": "says it for the wrong reason",
}
"""What the diagnosis of each variant must be; `seeing` is the organism itself."""
SEEDS = (1, 2, 3)
N_PAIRS = 200
N_PAIRS_BLIND = 1600
"""An equivalence needs intervals inside the limits: of the probe over rules, of answers, and of pair-rank."""


def run(options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """The record: a diagnosis with its evidence for every seed and variant."""
    seeds = (0,) if options.is_quick else tuple(int(part) for part in options.only) or SEEDS
    organisms, cells = [], []
    for seed in seeds:
        folder = None if seed == 0 else train_organism(seed, torch.device(options.device), say)
        for variant, planted in PLANTED.items():
            n_pairs = N_PAIRS_BLIND if variant == "blind" else N_PAIRS
            cell = diagnose_variant(folder, variant, 60 if options.is_quick else n_pairs, seed, options.device)
            say(f"seed {seed}, {variant}: {cell['diagnosis']}{'' if cell['diagnosis'] == planted else ' (WRONG)'}")
            cells.append({"seed": seed, "variant": variant, "planted": planted, **cell})
        if folder is not None:
            organisms.append(_describe(folder, seed))
    return {
        "machine": describe_machine(torch.device(options.device)),
        "is_quick": options.is_quick,
        "n_pairs": {"blind": N_PAIRS_BLIND, "others": N_PAIRS},
        "organisms": organisms,
        "variants": [config.model_dump(mode="json") for config in VARIANTS.values()],
        "cells": cells,
        "n_right": sum(cell["diagnosis"] == cell["planted"] for cell in cells),
    }


def render(record: dict[str, Any]) -> str:
    """The confusion matrix as Markdown, and what the organisms can do."""
    found = sorted({cell["diagnosis"] for cell in record["cells"]}, key=_order)
    lines = [
        "## Diagnoses",
        "",
        "Organisms trained anew from other seeds than the one the limits were chosen on, "
        f"{record['n_pairs']['others']} unseen pairs each ({record['n_pairs']['blind']} for `blind`, an equivalence): "
        f"**{record['n_right']} of {len(record['cells'])}** diagnoses are what was planted.",
        "",
        f"| planted | {' | '.join(found)} |",
        f"|---|{'---:|' * len(found)}",
    ]
    for variant, planted in PLANTED.items():
        own = [cell["diagnosis"] for cell in record["cells"] if cell["variant"] == variant]
        lines.append(f"| `{variant}`: {planted} | {' | '.join(str(own.count(each) or '') for each in found)} |")
    lines += ["", "| seed | pair-correct, plain | bound |", "|---:|---:|---:|"]
    lines += [f"| {each['seed']} | {each['plain']:.3f} | {each['bound']:.3f} |" for each in record["organisms"]]
    return "\n".join(lines) + "\n"


def train_organism(seed: int, device: torch.device, say: Callable[[str], None]) -> Path:
    """Folder of the organism and its variants trained from `seed`; what is finished there is kept."""
    folder = store.cache_dir() / "organisms" / str(seed)
    if not (folder / REPORT).is_file():
        say(f"training from seed {seed} into {folder}")
        build_organism(full_config(seed), folder, device, lambda _: True, resume=(folder / "training").is_dir())
    missing = [
        config
        for config in choose_variants("all", seed)
        if not (folder / "variants" / f"{config.name}.safetensors").is_file()
    ]
    if missing:
        plant_all(missing, folder, device, lambda *_: None)
    return folder


def diagnose_variant(folder: Path | None, variant: str, n_pairs: int, seed: int, device: str) -> dict[str, Any]:
    """Diagnosis, reasons and evidence for one variant of the organism in `folder`, or of the one that ships."""
    subject = open_subject(f"{folder or 'organism'}:{variant}", device=device)
    corpus = load_corpus(
        "synthetic",
        n_pairs=n_pairs,
        difficulty="bound",
        templates="train",
        # A hint is a remark above the code; on code without remarks there is nothing to follow.
        remarks="aligned" if variant == "hinted" else "none",
        seed=EVALUATION_SEED + seed,
    )
    config = StudyConfig(seed=seed)
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch) if folder is None else folder / "diagnoses" / f"{variant}-{n_pairs}"
        opened = store.open_run(
            runs,
            "study",
            config,
            subject_digest=subject.digest,
            corpus_digest=corpus.content_digest,
            seed=seed,
            device=device,
            resume=next(runs.glob("*"), None),
        )
        with opened as run:
            found = diagnose_subject(subject, corpus, config, run)
    return {
        "diagnosis": found.verdict.diagnosis,
        "reasons": found.verdict.reasons,
        "evidence": found.evidence.model_dump(mode="json"),
    }


def _describe(folder: Path, seed: int) -> dict[str, Any]:
    """What the organism trained from `seed` can do."""
    report = OrganismReport.model_validate_json((folder / REPORT).read_text(encoding="utf-8"))
    trained = next(score for score in report.scores if score.checkpoint == WEIGHTS)
    able = {row.difficulty: row.pair_correct_rate for row in trained.summary if not row.is_held_out}
    return {"seed": seed, "config": report.config, "seconds": report.seconds, "device": report.device, **able}


def _order(diagnosis: str) -> int:
    known = list(PLANTED.values())
    return known.index(diagnosis) if diagnosis in known else len(known)
