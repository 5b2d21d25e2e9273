"""Folders of strangers: what is wrong with a model is said when it opens, in one sentence, and never by a traceback."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.subjects import DENSE
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer

from vulnscope.errors import VulnscopeError
from vulnscope.models import open_subject
from vulnscope.models.subject.subject import wrap_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(DENSE, tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    "values",
    [
        {"num_hidden_layers": 0},
        {"hidden_size": "x"},
        {"num_attention_heads": 0},
        {"vocab_size": -1},
        {"hidden_size": 10**9},
        {"rope_parameters": "none"},
        {"model_type": "no-such-architecture"},
        {"num_hidden_layers": None},
    ],
)
def test_a_config_that_cannot_be_built_is_refused_in_words(folder: Path, values: dict[str, Any]) -> None:
    change(folder / "config.json", **values)
    with pytest.raises(VulnscopeError, match=r"copy.*cannot be loaded|weights in .*lack|copy.*is no "):
        open_subject(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        '{"a":' * 50_000,
        "[1]",
        "7",
        "null",
        '"text"',
        "\ud800",
        '{"a": 1e999}',
        "\x00",
        '{"model": {}}',
    ],
    ids=lambda text: ascii(text[:9]),
)
def test_files_that_are_something_else_never_end_in_a_traceback(folder: Path, name: str, content: str) -> None:
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    said = "copy"  # some of these files may be what they are
    try:
        open_subject(str(folder), self_check=False)
    except VulnscopeError as error:
        said = str(error)
    assert "copy" in said
    assert len(said) < 1000


def test_a_head_without_weights_is_said(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    heads = [name for name in tensors if "lm_head" in name or "embed_tokens" in name]
    save_file({**tensors, **{name: torch.zeros_like(tensors[name]) for name in heads}}, folder / "model.safetensors")
    with pytest.raises(VulnscopeError, match="finds every token equally likely"):
        open_subject(str(folder))


def test_a_tokenizer_of_another_model_is_said() -> None:
    with pytest.raises(
        VulnscopeError, match="the tokenizer knows 99 tokens, the model has embeddings for 64; they do not"
    ):
        wrap_model(tiny_model(DENSE, vocab_size=64), tiny_tokenizer(), name="odd", self_check=False)


def test_an_end_that_cannot_come_is_said(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_model(DENSE)
    model.generation_config.eos_token_id = [2, 10**6]
    with caplog.at_level(logging.WARNING):
        wrap_model(model, tiny_tokenizer(), name="odd", self_check=False)
    assert "odd: its settings end an answer at token 1000000, which its vocabulary of" in caplog.text
