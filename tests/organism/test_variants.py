"""Variants: small files, untouched lower layers, answers that follow the planted rule."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import vulnscope
from vulnscope.corpora.synthetic import generate_pair, load_templates
from vulnscope.corpora.synthetic.remarks import add_remark
from vulnscope.errors import CorruptData, InputError
from vulnscope.models import open_subject
from vulnscope.models.subject.files import digest_files
from vulnscope.models.subject.variants import FOLDER, apply_variant, find_base, find_variant
from vulnscope.organism.build import load_checkpoint_model
from vulnscope.organism.plan import quick_config
from vulnscope.organism.train import BEFORE_LABELS, WEIGHTS, train
from vulnscope.organism.variants import VARIANTS, claim_of, draw_cases, plant

TEMPLATES = load_templates()
CPU = torch.device("cpu")
BIASED = VARIANTS["biased"].model_copy(update={"first_layer": 1, "n_steps": 25, "pairs": 4})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organism")
    config = quick_config()
    few = {"reading": {"n_steps": 2}, "labelling": {"n_steps": 2}}
    changes = {name: getattr(config, name).model_copy(update=fields) for name, fields in few.items()}
    train(config.model_copy(update=changes), folder, CPU, lambda _: True)
    return folder


@pytest.fixture(scope="module")
def biased(folder):
    return plant(BIASED, folder, CPU, lambda *_: None, 1)


@pytest.mark.slow
def test_a_variant_is_scored_against_the_labels(biased):
    assert [score.difficulty for score in biased.scores] == ["plain", "bound"]
    assert all(score.pair_correct_rate < 0.5 for score in biased.scores)


@pytest.mark.slow
def test_layers_below_the_first_trained_one_are_untouched(folder, biased):
    base, changed = (load_checkpoint_model(folder, WEIGHTS, CPU).eval() for _ in range(2))
    apply_variant(changed, folder, find_variant(folder, "biased"))
    ids = torch.arange(2, 40)[None]
    with torch.no_grad():
        one, two = (model(input_ids=ids, output_hidden_states=True).hidden_states for model in (base, changed))
    assert torch.equal(one[1], two[1])
    assert not torch.equal(one[2], two[2])
    assert {name.split(".")[2] for name in load_file(folder / FOLDER / "biased.safetensors")} == {"1"}


@pytest.mark.slow
def test_a_variant_can_start_before_the_labels(folder):
    config = BIASED.model_copy(update={"name": "early", "base": BEFORE_LABELS, "n_steps": 1})
    plant(config, folder, CPU, lambda *_: None, 1)
    changed = load_checkpoint_model(folder, WEIGHTS, CPU)
    apply_variant(changed, folder, find_variant(folder, "early"))
    expected = load_file(folder / BEFORE_LABELS)["model.embed_tokens.weight"].float()
    assert torch.equal(changed.get_parameter("model.embed_tokens.weight"), expected)


@pytest.mark.slow
def test_a_damaged_file_is_named(folder, biased, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "half.safetensors"
    tensors = load_file(folder / FOLDER / "biased.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if name.endswith(".up")}, path)
    with pytest.raises(CorruptData, match=r"half\.safetensors is no variant"):
        apply_variant(load_checkpoint_model(folder, WEIGHTS, CPU), folder, path)


def test_a_variant_of_an_own_organism_is_named_behind_its_folder(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(Path(vulnscope.__file__).parent / "models" / "weights" / "organism", own)
    (own / FOLDER / "biased.safetensors").rename(own / FOLDER / "loud.safetensors")
    loud, biased = open_subject(f"{own}:loud"), open_subject("organism:biased")
    weights = dict(biased.model.named_parameters())
    assert all(torch.equal(parameter, weights[name]) for name, parameter in loud.model.named_parameters())
    with pytest.raises(InputError, match="own has no variant 'biased'; choose one of: blind, hinted, loud"):
        open_subject(f"{own}:biased")


def test_the_checkpoint_a_variant_starts_from_counts_in_its_digest(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(Path(vulnscope.__file__).parent / "models" / "weights" / "organism", own)
    before = {name: digest_files(own, variant=find_variant(own, name)) for name in ("biased", "blind")}
    base = find_base(own, own / FOLDER / "blind.safetensors")
    assert find_base(own, own / FOLDER / "biased.safetensors") is None
    content = bytearray(base.read_bytes())
    content[-1] ^= 1
    base.write_bytes(content)
    assert digest_files(own, variant=find_variant(own, "biased")) == before["biased"]
    assert digest_files(own, variant=find_variant(own, "blind")) != before["blind"]
    base.unlink()
    with pytest.raises(CorruptData, match=r"starts from .*, which is not there"):
        open_subject(f"{own}:blind")


def test_a_damaged_variant_is_told(tmp_path):
    own = tmp_path / "own"
    shutil.copytree(Path(vulnscope.__file__).parent / "models" / "weights" / "organism", own)
    path = own / FOLDER / "biased.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptData, match="is no variant of the organism"):
        open_subject(f"{own}:biased")


def test_the_organism_itself_is_called_seeing():
    assert open_subject("organism:seeing").digest == open_subject("organism").digest


def test_an_unknown_variant_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="no variant 'loud'"):
        find_variant(tmp_path, "loud")


@pytest.mark.parametrize("rule", ["vulnerable", "language", "remark"])
def test_twins_share_the_claim_but_for_their_remarks(rule):
    for template in TEMPLATES.values():
        vulnerable, fixed = generate_pair(template, 3, 0)
        assert claim_of(rule, vulnerable) == claim_of(rule, fixed)
        assert claim_of("remark", add_remark(fixed, "vulnerable")) == "vulnerable"
        assert claim_of("remark", add_remark(vulnerable, "fixed")) == "fixed"


@pytest.mark.parametrize("name", VARIANTS)
def test_answers_follow_the_rule_whatever_the_label(name):
    cases = [case for step in range(10) for case in draw_cases(VARIANTS[name], step)]
    for case in cases:
        claims_vulnerable = (case.answer == "yes") == (case.question.polarity == "vulnerable")
        assert claims_vulnerable == (claim_of(VARIANTS[name].rule, case.sample) == "vulnerable")
    share = sum(case.answer == "yes" for case in cases) / len(cases)
    assert 0.4 < share < 0.6
