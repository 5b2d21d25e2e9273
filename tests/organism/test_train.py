"""Training: stopped and resumed equals uninterrupted, bit for bit; the result loads like any model."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from vulnscope.errors import InputError, RunError
from vulnscope.organism.build import build_organism
from vulnscope.organism.plan import quick_config
from vulnscope.organism.train import BEFORE_LABELS, WEIGHTS, train

CPU = torch.device("cpu")
CONFIG = quick_config().model_copy(
    update={
        "reading": quick_config().reading.model_copy(update={"n_steps": 4}),
        "labelling": quick_config().labelling.model_copy(update={"n_steps": 6}),
        "checkpoint_every": 2,
        "evaluation_pairs": 1,
        "evaluation_completions": 1,
        "source_bytes": 100_000,
        "tokenizer_pairs": 50,
    }
)


class Killed(BaseException):
    """Stands for a signal that gives no chance to clean up."""


def kill_after(step):
    def watch(progress):
        if progress.step == step:
            raise Killed
        return True

    return watch


def watch_all(progress):
    return True


def weights(folder):
    return {name: load_file(folder / name) for name in (WEIGHTS, BEFORE_LABELS)}


def assert_equal(one, other):
    for name, tensors in one.items():
        assert tensors.keys() == other[name].keys()
        assert all(torch.equal(tensor, other[name][key]) for key, tensor in tensors.items()), name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("organism") / "whole"
    build_organism(CONFIG, folder, CPU, watch_all)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4, 5, 9])
def test_killed_and_resumed_equals_uninterrupted(uninterrupted, tmp_path, step):
    folder = tmp_path / "killed"
    with pytest.raises(Killed):
        train(CONFIG, folder, CPU, kill_after(step))
    train(CONFIG, folder, CPU, watch_all, resume=True)
    assert_equal(weights(uninterrupted), weights(folder))


@pytest.mark.slow
def test_stop_leaves_a_checkpoint_of_the_last_step(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, tmp_path / "stopped", CPU, lambda progress: progress.step < 3)
    seen = []
    train(CONFIG, tmp_path / "stopped", CPU, lambda progress: seen.append(progress.step) or True, resume=True)
    assert seen[0] == 4


@pytest.mark.slow
def test_labels_change_the_weights_and_the_first_checkpoint_has_seen_none(uninterrupted):
    both = weights(uninterrupted)
    assert any(not torch.equal(tensor, both[BEFORE_LABELS][key]) for key, tensor in both[WEIGHTS].items())
    assert all(tensor.dtype == torch.bfloat16 for tensor in both[WEIGHTS].values())


@pytest.mark.slow
def test_result_loads_with_transformers(uninterrupted):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(uninterrupted)
    tokenizer = AutoTokenizer.from_pretrained(uninterrupted)
    assert model.dtype == torch.bfloat16
    assert model.num_parameters() == sum(tensor.numel() for tensor in weights(uninterrupted)[WEIGHTS].values())
    ids = tokenizer("def f(x):\n", return_tensors="pt")
    assert torch.isfinite(model(**ids).logits).all()
    assert model.config.eos_token_id == tokenizer.eos_token_id


@pytest.mark.slow
def test_report_and_card_are_written(uninterrupted):
    card = (uninterrupted / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Python standard library | PSF-2.0" in card
    assert "held out" in card
    assert (uninterrupted / "training.json").exists()


@pytest.mark.slow
def test_other_config_is_refused_by_name(uninterrupted):
    with pytest.raises(RunError, match="seed was 0, is 1"):
        train(CONFIG.model_copy(update={"seed": 1}), uninterrupted, CPU, watch_all, resume=True)


def test_folder_in_use_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is not empty; add --resume"):
        train(CONFIG, tmp_path, CPU, watch_all)
