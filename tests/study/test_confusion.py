"""Diagnoses of organisms with planted truth: of other training seeds as recorded, and of the one that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.diagnoses import PLANTED, SEEDS

from vulnscope import store
from vulnscope.corpora import load_corpus
from vulnscope.models import open_subject
from vulnscope.organism.plan import full_config
from vulnscope.organism.variants import choose_variants
from vulnscope.probe.config import ProbeConfig
from vulnscope.study.config import StudyConfig
from vulnscope.study.diagnosis import diagnose
from vulnscope.study.record import Evidence
from vulnscope.study.run import diagnose_subject

RECORD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "benchmarks" / "results" / "diagnoses.json").read_text(encoding="utf-8")
)
# A corpus just large enough to establish each but `blind`, an equivalence, which needs 1,600 pairs.
QUICK = StudyConfig(
    n_bootstrap=200,
    changes=("strip-comments",),
    changes_limit=80,
    probe=ProbeConfig(n_folds=3, n_inner=2, n_permutations=39, curve_repeats=1, reinitialise=False, layers=(2, 4)),
)


NEEDS_CONTROL = ("seeing", "biased", "blind")
"""Rest on the answers without the size of the code, or on pair-rank."""


def find_cell(seed: int, variant: str) -> dict[str, Any]:
    (cell,) = (cell for cell in RECORD["cells"] if cell["seed"] == seed and cell["variant"] == variant)
    return dict(cell)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("variant", PLANTED)
def test_the_diagnosis_of_an_unseen_training_seed_is_what_was_planted(seed: int, variant: str) -> None:
    evidence = find_cell(seed, variant)["evidence"]
    verdict = diagnose(Evidence.model_validate(evidence))
    found = {PLANTED[variant]}
    if "says_given_surface" not in evidence and variant in NEEDS_CONTROL:
        # Recorded before these controls were measured: then nothing may be established, and nothing else is.
        found = {"cannot tell"}
    assert verdict.diagnosis in found, verdict.reasons


@pytest.mark.parametrize("organism", RECORD["organisms"], ids=lambda each: str(each["seed"]))
def test_the_record_is_of_the_present_recipe(organism: dict[str, Any]) -> None:
    assert organism["config"] == full_config(organism["seed"]).model_dump(mode="json")
    assert organism["bound"] >= 0.95


def test_the_record_is_of_the_present_variants() -> None:
    assert RECORD["variants"] == [config.model_dump(mode="json") for config in choose_variants("all")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "n_pairs", "found"),
    [
        ("seeing", 60, PLANTED["seeing"]),
        ("mute", 60, PLANTED["mute"]),
        ("hinted", 60, PLANTED["hinted"]),
        # The order of so few twins could still be off chance by .05.
        ("blind", 100, "cannot tell"),
    ],
)
def test_what_is_planted_is_found(variant: str, n_pairs: int, found: str, tmp_path: Path) -> None:
    subject = open_subject(f"organism:{variant}")
    remarks = "aligned" if variant == "hinted" else "none"
    corpus = load_corpus("synthetic", n_pairs=n_pairs, difficulty="bound", templates="train", remarks=remarks)
    with store.open_run(
        tmp_path,
        "study",
        QUICK,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=0,
        device="cpu",
    ) as run:
        verdict = diagnose_subject(subject, corpus, QUICK, run).verdict
    assert verdict.diagnosis == found, verdict.reasons
