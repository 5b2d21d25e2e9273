"""What a study cannot do is said before it begins: nothing is asked, no run is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, make_sample, tiny_subject
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer

from vulnscope.api.carry_out import run_request
from vulnscope.errors import InputError, SubjectError
from vulnscope.interventions import VectorOrigin, Vectors, VectorSite, save_vectors
from vulnscope.models import wrap_model
from vulnscope.records.base import Record
from vulnscope.records.requests import CorpusRequest, SubjectRequest
from vulnscope.steer.config import SteerConfig
from vulnscope.study.checks import check_study, check_subject
from vulnscope.study.config import StudyConfig
from vulnscope.study.requests import WholeStudyRequest


def with_stage(name: str, **changes: Any) -> StudyConfig:
    """The default study with other settings of one stage."""
    config = StudyConfig()
    stage: Record = getattr(config, name)
    return config.model_copy(update={name: stage.model_copy(update=changes)})


@pytest.mark.parametrize(
    ("n_pairs", "config", "message"),
    [
        (9, StudyConfig(), r"5 outer and 3 inner folds need at least 10 groups; there are 9"),
        (12, StudyConfig(), r"disjoint groups needs at least 14 groups; there are 12"),
        (30, with_stage("probe", n_folds=30), r"30 outer and 3 inner folds need at least 60 groups; there are 30"),
    ],
)
def test_too_few_groups_says_how_many_are_needed(n_pairs: int, config: StudyConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_study(make_corpus(make_pairs(n_pairs)), config)


@pytest.mark.parametrize("label", ["vulnerable", "fixed"])
def test_one_class_only_is_named(label: str) -> None:
    samples = [make_sample(number, label, pair_id=None) for number in range(40)]
    with pytest.raises(InputError, match=f"all 40 samples are {label}"):
        check_study(make_corpus(samples), StudyConfig())


def test_layers_that_the_model_lacks_are_named_before_any_stage() -> None:
    n_layers = tiny_subject().architecture.n_layers
    for config in (
        with_stage("probe", layers=(n_layers,)),
        with_stage("patch", layers=(n_layers,)),
        with_stage("steer", layers=str(n_layers)),
    ):
        with pytest.raises(InputError, match=f"layer {n_layers} does not exist.*0 to {n_layers - 1}"):
            check_subject(tiny_subject(), config)


def make_file(path: Path, subject_digest: str, width: int) -> Path:
    origin = VectorOrigin(
        subject="other", subject_digest=subject_digest, method="drawn", sites={"v": VectorSite(site="0.resid_post")}
    )
    save_vectors(path, Vectors({"v": torch.ones(width)}, origin))
    return path


def test_vectors_of_another_model_are_refused_before_any_stage_unless_forced(tmp_path: Path) -> None:
    subject = tiny_subject()
    width = subject.architecture.d_model
    file = make_file(tmp_path / "other.safetensors", "another", width)
    config = with_stage("steer", vector_file=str(file))
    with pytest.raises(InputError, match=r"found in other \(digest another\).*Fit them again, or force them"):
        check_subject(subject, config)
    check_subject(subject, with_stage("steer", vector_file=str(file), is_forced=True))
    narrow = with_stage("steer", vector_file=str(make_file(tmp_path / "narrow.safetensors", "x", 3)), is_forced=True)
    with pytest.raises(InputError, match="the vectors have 3 numbers"):
        check_subject(subject, narrow)


def test_a_vector_file_that_is_missing_is_named_before_a_model_is_opened(tmp_path: Path) -> None:
    config = with_stage("steer", vector_file=str(tmp_path / "none.safetensors"))
    with pytest.raises(InputError, match=r"none\.safetensors does not exist"):
        check_study(make_corpus(make_pairs(30)), config)


def test_a_model_with_infinite_activations_is_refused_when_opened() -> None:
    model = tiny_model("qwen2")
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.fill_(float("inf"))
    with pytest.raises(SubjectError, match=r"NaN or infinite activations from layer 1 on .*try --dtype float32"):
        wrap_model(model, tiny_tokenizer(), name="broken")


def test_a_study_that_cannot_be_carried_out_leaves_no_run(tmp_path: Path) -> None:
    name = str(save_tiny("qwen2", tmp_path / "model"))
    corpus = CorpusRequest(name="synthetic", options=(("n_pairs", "16"),))
    lacking = StudyConfig(steer=SteerConfig(layers="99"))
    request = WholeStudyRequest(subject=SubjectRequest(name=name), corpus=corpus, study=lacking)
    with pytest.raises(InputError, match="layer 99 does not exist"):
        run_request("study", request, runs_dir=tmp_path / "runs", is_cached=False)
    assert not (tmp_path / "runs").exists()
