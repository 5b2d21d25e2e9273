from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.models.subjects import tiny_subject
from tests.models.zoo import save_tiny
from tests.tolerances import rounding
from typer.testing import CliRunner

from vulnscope.cli import app
from vulnscope.errors import InputError
from vulnscope.models import inspect_subject, measure_noise_floor
from vulnscope.models.forward import memory_budget
from vulnscope.models.text.plan import ScoreRequest
from vulnscope.records.base import NotMeasured
from vulnscope.records.subject import SubjectReport


def test_the_report_counts_layers_parameters_and_bytes() -> None:
    subject = tiny_subject()
    report = inspect_subject(subject, batch=2, length=16)
    n_parameters = sum(weight.numel() for weight in subject.model.parameters())
    assert (report.layers_path, report.n_layers, report.layer_class) == ("model.layers", 3, "Qwen2DecoderLayer")
    assert report.n_parameters == n_parameters
    assert report.memory.weights_bytes >= 4 * n_parameters
    assert (
        report.memory.cache_bytes == 2 * 16 * 3 * 2 * (2 * 8) * 4
    )  # rows, tokens, layers, k and v, heads × width, float32
    assert report.memory.free_bytes > 0
    assert SubjectReport.model_validate_json(report.to_json()) == report


def test_a_length_beyond_the_context_is_refused() -> None:
    with pytest.raises(InputError, match="length 513 does not fit: qwen2 reads at most 512 tokens"):
        inspect_subject(tiny_subject(), length=513)
    with pytest.raises(InputError, match="batch 0"):
        inspect_subject(tiny_subject(), batch=0)


def test_free_memory_respects_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    monkeypatch.setattr(memory_budget, "_CGROUP", tmp_path)
    assert memory_budget.free_bytes(torch.device("cpu")) == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_budget.free_bytes(torch.device("cpu")) > 600


def test_the_noise_floor_is_rounding_and_needs_two_samples() -> None:
    subject = tiny_subject()
    requests = [ScoreRequest(((5, 6, 7, n),), (((8,), (9,)),)) for n in range(10, 14)]
    floor = measure_noise_floor(subject, requests)
    assert isinstance(floor, float)
    assert 0 <= floor < rounding()
    assert isinstance(measure_noise_floor(subject, requests[:1]), NotMeasured)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("bamba", tmp_path_factory.mktemp("bamba"))


def test_the_command_shows_what_is_proven_and_what_is_off(folder: Path) -> None:
    result = CliRunner().invoke(app, ["model", "inspect", str(folder), "--length", "64"], terminal_width=300)
    assert result.exit_code == 0, result.output
    for words in (
        "3 × BambaDecoderLayer at model.layers",
        "resid post",
        "every layer",
        "layers 1",
        "prefix cache",
        "off",
    ):
        assert words in result.output


def test_the_command_prints_the_record(folder: Path) -> None:
    result = CliRunner().invoke(app, ["model", "inspect", str(folder), "--length", "64", "--json"])
    report = SubjectReport.model_validate_json(result.stdout)
    assert not report.capabilities.has("prefix_cache")
    assert "recurrent state" in report.capabilities.reason("prefix_cache")


def test_the_command_names_an_unknown_model() -> None:
    result = CliRunner().invoke(app, ["model", "inspect", "./nothing-here"])
    assert isinstance(result.exception, InputError)
