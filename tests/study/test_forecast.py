"""Estimates come from a config alone, agree with loaded weights, and add up."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.ask.builders import make_corpus
from tests.models.zoo import save_tiny, tiny_config

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import InputError
from vulnscope.models import open_subject
from vulnscope.models.subject.sketch import Sketch, sketch_model
from vulnscope.study.config import StudyConfig
from vulnscope.study.forecast import estimate_study
from vulnscope.study.record import StudyForecast

LARGE = {
    "hidden_size": 6144,
    "intermediate_size": 24576,
    "num_hidden_layers": 40,
    "num_attention_heads": 48,
    "num_key_value_heads": 4,
    "head_dim": 128,
    "vocab_size": 49152,
    "max_position_embeddings": 16384,
}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=40)


def bare(folder: Path, name: str = "qwen2", **overrides: object) -> Path:
    """A folder that holds a config and nothing else."""
    tiny_config(name, **overrides).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ["qwen2", "gpt_bigcode", "starcoder2"])
def test_a_sketch_weighs_what_the_loaded_model_weighs(name: str, tmp_path: Path) -> None:
    loaded = open_subject(str(save_tiny(name, tmp_path)), self_check=False)
    (tmp_path / "model.safetensors").unlink()
    sketch = sketch_model(str(tmp_path))
    assert sketch.n_parameters == loaded.n_parameters
    assert sketch.weights_bytes == loaded.model.get_memory_footprint()
    assert sketch.tokenizer is not None
    assert {weight.device.type for weight in sketch.model.parameters()} == {"meta"}


def test_fifteen_billion_weights_are_itemised_without_any(tmp_path: Path, corpus: Corpus) -> None:
    folder = str(bare(tmp_path, "starcoder2", **LARGE))
    whole = estimate_study(sketch_model(folder, dtype="bfloat16"), corpus, StudyConfig())
    assert 15e9 < whole.n_parameters < 17e9
    assert 2 * whole.n_parameters <= whole.memory.weights_bytes < 2.01 * whole.n_parameters
    assert whole.second_model_bytes == 0
    per_token = 2 * 40 * 4 * 128 * 2
    assert whole.memory.cache_bytes == whole.memory.batch * whole.memory.length * per_token
    packed = sketch_model(folder, dtype="bfloat16", quantize="nf4")
    assert 0.25 < packed.weights_bytes / whole.memory.weights_bytes < 0.32


@pytest.fixture
def sketch(tmp_path: Path) -> Sketch:
    return sketch_model(str(bare(tmp_path)))


def test_the_items_add_up_and_say_what_they_rest_on(sketch: Sketch, corpus: Corpus) -> None:
    found = estimate_study(sketch, corpus, StudyConfig())
    assert (found.n_samples, found.n_pairs) == (80, 40)
    assert [stage.stage for stage in found.stages] == ["audit", "changes", "probe", "patch", "steer"]
    assert found.seconds == sum(stage.model_seconds + stage.statistics_seconds for stage in found.stages)
    assert found.disk_bytes == sum(stage.disk_bytes for stage in found.stages)
    assert found.second_model_bytes == found.memory.weights_bytes
    total = found.memory.total_bytes + found.second_model_bytes + found.read_activations_bytes
    assert found.memory_bytes == total
    assert any("not a measurement" in line for line in found.rests_on)
    assert any("holds no tokenizer" in line for line in found.rests_on)
    assert StudyForecast.model_validate_json(found.to_json()) == found


def test_fewer_samples_and_fewer_layers_take_less(sketch: Sketch, corpus: Corpus) -> None:
    whole = estimate_study(sketch, corpus, StudyConfig())
    fewer = estimate_study(sketch, corpus, StudyConfig(limit=40))
    assert fewer.n_pairs == 20
    for one, two in zip(fewer.stages, whole.stages, strict=True):
        assert one.model_seconds < two.model_seconds, one.stage
    config = StudyConfig()
    shallow = config.model_copy(update={"patch": config.patch.model_copy(update={"layers": (0,)})})
    assert estimate_study(sketch, corpus, shallow).stages[3].n_rows * 3 == whole.stages[3].n_rows


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json"):
        sketch_model(str(tmp_path))
    bare(tmp_path)
    with pytest.raises(InputError, match="unknown quantisation 'int3'"):
        sketch_model(str(tmp_path), quantize="int3")


def test_a_sample_longer_than_the_model_reads_is_counted_in_silence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    caplog.set_level(logging.WARNING, logger="transformers")
    samples = load_corpus("synthetic", n_pairs=2).samples
    long = [sample.model_copy(update={"code": sample.code * 40}) for sample in samples]
    found = estimate_study(sketch_model("organism"), make_corpus(long), StudyConfig())
    assert any("measured with its tokenizer" in note for note in found.rests_on)
    assert not caplog.records
