"""What a subject says, knows and costs: the figures of steering, and what moves them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, tiny_subject
from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.corpora import load_corpus
from vulnscope.effects.panel import Panel, PanelConfig, prepare_panel
from vulnscope.errors import InputError
from vulnscope.models import open_subject, wrap_model
from vulnscope.records.panel import PanelReading
from vulnscope.steer.config import SteerConfig
from vulnscope.steer.run import run_steering
from vulnscope.store import open_run

CORPUS = make_corpus(make_pairs(20))
CONFIG = PanelConfig(n_bootstrap=200)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return prepare_panel(tiny_subject(), CORPUS, CONFIG)


@pytest.fixture(scope="module")
def reading(panel: Panel) -> PanelReading:
    return panel.measure(tiny_subject())


def test_the_prepared_subject_has_not_drifted(reading: PanelReading) -> None:
    assert reading.costs.kl_nats == 0.0
    assert reading.costs.perplexity == reading.costs.perplexity_prepared
    assert reading.costs.n_positions > 50
    assert PanelReading.model_validate_json(reading.to_json()) == reading


def test_what_it_says_is_what_steering_reports_of_the_clean_subject(reading: PanelReading, tmp_path: Path) -> None:
    config = SteerConfig(
        n_bootstrap=200, methods=("mean-difference-paired",), layers="0", scales=(1.0,),
        side_effects=False, gate=False, combine=False, preface=None,
    )  # fmt: skip
    digests = {"subject_digest": "s", "corpus_digest": "c", "code": "x"}
    with open_run(tmp_path, "steer", config, seed=0, device="cpu", versions={"vulnscope": "0"}, **digests) as run:
        record = run_steering(tiny_subject(), CORPUS, config, run)
    assert reading.says.auroc == record.clean_auroc
    assert reading.says.pair_correct == record.clean_pair_correct
    assert reading.says.yes_rate == record.clean_yes_rate


def test_twins_of_one_word_are_known_where_they_are_said_by_chance(reading: PanelReading) -> None:
    """The corpus's twins differ in one word that a mean over the code holds, whatever the weights."""
    assert reading.knows.selector == "part code"
    assert reading.knows.pair_rank.value == 1.0


def test_other_weights_drift_and_are_read_anew(panel: Panel, reading: PanelReading) -> None:
    model = tiny_model("qwen2", max_position_embeddings=1024)
    with torch.no_grad():
        model.lm_head.weight.mul_(1.5)
    found = panel.measure(wrap_model(model, tiny_tokenizer(), name="tuned"))
    assert isinstance(found.costs.kl_nats, float)
    assert found.costs.kl_nats > 0
    assert found.costs.perplexity_prepared == reading.costs.perplexity_prepared
    assert found.costs.perplexity != reading.costs.perplexity
    assert found.knows == reading.knows, "the hidden states are the same"


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError, match="needs at least 14 groups"):
        prepare_panel(tiny_subject(), make_corpus(make_pairs(6)), CONFIG)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "knows"), [("mute", True), ("blind", False)])
def test_an_organism_that_does_not_say_it_may_know_it(variant: str, knows: bool) -> None:
    corpus = load_corpus("synthetic", templates="train", n_pairs="30")
    panel = prepare_panel(open_subject("organism"), corpus, CONFIG)
    found = panel.measure(open_subject(f"organism:{variant}"))
    assert found.says.pair_correct.value <= 0.05
    assert (found.knows.pair_rank.value >= 0.95) is knows
    assert isinstance(found.costs.kl_nats, float)
    assert found.costs.kl_nats > 0.5
