"""The shipped organism: loads as a subject, reads text by its own tokenizer, and tells twins apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

import vulnscope as vs
from vulnscope.models import Subject

WEIGHTS = Path(vs.__file__).parent / "models" / "weights" / "organism"


@pytest.fixture(scope="module")
def organism() -> Subject:
    return vs.open_subject("organism")


def test_text_is_read_by_the_tokenizer_it_was_trained_with(organism: Subject) -> None:
    code = "def load(total):\n    return quote(total) + 1\n"
    assert (
        organism.tokenizer(code)["input_ids"] == Tokenizer.from_file(str(WEIGHTS / "tokenizer.json")).encode(code).ids
    )


def test_nothing_is_switched_off(organism: Subject) -> None:
    assert organism.capabilities.switched_off() == ()


@pytest.mark.parametrize("difficulty", ["plain", "bound"])
def test_twins_of_unseen_seeds_are_told_apart(difficulty: str, tmp_path: Path) -> None:
    options = {"difficulty": difficulty, "templates": "train", "n_pairs": "60"}
    overall = vs.audit("organism", corpus="synthetic", corpus_options=options, runs_dir=tmp_path).record.overall
    assert overall.n_pairs == 60
    assert overall.pair_correct.value >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "remarks", "yes_rate", "pair_correct"),
    [
        ("biased", "none", (0.95, 1.0), (0.0, 0.05)),
        ("mute", "none", (0.3, 0.7), (0.0, 0.05)),
        ("blind", "none", (0.3, 0.7), (0.0, 0.05)),
        ("hinted", "aligned", (0.45, 0.55), (0.95, 1.0)),
    ],
)
def test_variants_answer_as_planted(
    variant: str,
    remarks: str,
    yes_rate: tuple[float, float],
    pair_correct: tuple[float, float],
    tmp_path: Path,
) -> None:
    options = {"templates": "train", "n_pairs": "30", "remarks": remarks}
    found = vs.audit(
        f"organism:{variant}", corpus="synthetic", corpus_options=options, runs_dir=tmp_path
    ).record.overall
    assert yes_rate[0] <= found.yes_rate.value <= yes_rate[1]
    assert pair_correct[0] <= found.pair_correct.value <= pair_correct[1]


def test_weights_fit_into_the_wheel() -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()) < 16 * 2**20
