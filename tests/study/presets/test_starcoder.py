"""The preset edits exactly what the earlier code edited, fits on nothing it reports where it is right, and resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer

from vulnscope import store
from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import InputError
from vulnscope.models import Subject, edited, open_subject, wrap_model
from vulnscope.records.reproduction import ReproductionRecord
from vulnscope.report.reproduction_panels import render_reproduction, summarise_rows
from vulnscope.study.presets.directions import find_others, fit_rows
from vulnscope.study.presets.indexing import list_indexings, make_edits
from vulnscope.study.presets.memory import estimate_models
from vulnscope.study.presets.samples import choose_samples
from vulnscope.study.presets.settings import StarcoderConfig, clamp_layers
from vulnscope.study.presets.starcoder import run_preset

CONFIG = StarcoderConfig(
    layer_sets=("4,12,20",), scales=(20.0,), normalised=(True,), prompts=("plain",), n_tokens=2, n_bootstrap=200
)
ROWS = [tuple(range(3 + row, 9 + row)) for row in range(4)]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=40)


def run_on(subject: Subject, corpus: Corpus, folder: Path, config: StarcoderConfig = CONFIG) -> ReproductionRecord:
    with store.open_run(
        folder,
        "reproduction",
        config,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=0,
        device="cpu",
    ) as run:
        return run_preset(subject, corpus, config, run)


def test_layers_are_clamped_to_those_of_the_model() -> None:
    assert clamp_layers("4,12,20", 24) == (4, 12, 20)
    assert clamp_layers("21,22,23", 24) == clamp_layers("final-3", 24) == (21, 22, 23)
    assert clamp_layers("4,12,20", 6) == (4, 5)
    assert clamp_layers("21,22,23", 6) == (5,)
    assert clamp_layers("final-3", 40) == (37, 38, 39)


@pytest.mark.parametrize("architecture", ["gpt_bigcode", "starcoder2"])
@pytest.mark.parametrize("form", ["tuple", "tensor"])
def test_as_written_is_what_the_earlier_hook_did(architecture: str, form: str) -> None:
    model = tiny_model(architecture)
    subject = wrap_model(model, tiny_tokenizer(), name="tiny")
    vector = torch.randn(32, generator=torch.Generator().manual_seed(1))

    def hook(_module: object, _args: object, output: object) -> object:
        hidden = (output[0] if isinstance(output, tuple) else output).clone()
        given = (hidden,) if form == "tuple" else hidden
        given[0][-1] += 5.0 * vector
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    tokens = torch.tensor(ROWS)
    handle = subject.layers[1].register_forward_hook(hook)
    with torch.inference_mode():
        expected = model(tokens).logits
    handle.remove()
    indexing = list_indexings(4)[f"as-written, {form}, batches of 4"]
    edits = make_edits(indexing, {1: vector.repeat(4, 1)}, 5.0, is_growing=False)
    with edited(subject, edits, ROWS), torch.inference_mode():
        found = model(tokens).logits
    with torch.inference_mode():
        clean = model(tokens).logits
    assert torch.allclose(found, expected, atol=1e-4)
    changed = [not torch.equal(found[row], clean[row]) for row in range(4)]
    assert changed == indexing.steered(4) == ([False] * 3 + [True] if form == "tuple" else [True] + [False] * 3)


def test_right_vectors_see_neither_the_weakness_nor_the_group_of_their_sample(corpus: Corpus) -> None:
    samples = choose_samples(corpus, CONFIG)
    others = find_others(samples, dict(corpus.groups))
    labels = np.array([sample.label == "vulnerable" for sample in samples])
    states = torch.randn(len(samples), 8, generator=torch.Generator().manual_seed(0))
    rows = fit_rows(states, labels, others, is_normalised=False)
    own = [number for number, sample in enumerate(samples) if sample.cwes == samples[0].cwes]
    changed = states.clone()
    changed[own] += 100 * torch.randn(len(own), 8)
    assert torch.equal(fit_rows(changed, labels, others, is_normalised=False)[own], rows[own])
    kept = [number for number in range(len(samples)) if others[0, number]]
    mean = states[[n for n in kept if labels[n]]].mean(0) - states[[n for n in kept if not labels[n]]].mean(0)
    assert torch.allclose(rows[0], mean, atol=1e-5)
    assert torch.allclose(fit_rows(states, labels, None, is_normalised=True).norm(dim=1), torch.ones(len(samples)))


def test_equal_twins_give_no_direction() -> None:
    with pytest.raises(InputError, match="norm 0"):
        fit_rows(torch.ones(4, 8), np.array([True, False] * 2), None, is_normalised=True)


def test_samples_are_twins_of_six_weaknesses_in_turn(corpus: Corpus) -> None:
    samples = choose_samples(corpus, CONFIG)
    assert len(samples) == 24
    assert len({sample.cwes for sample in samples}) == 6
    assert [sample.label for sample in samples] == ["vulnerable", "fixed"] * 12
    with pytest.raises(InputError, match="asks for 60 weaknesses with 2 pairs each"):
        choose_samples(corpus, CONFIG.model_copy(update={"n_cwes": 60}))


def test_memory_of_the_large_model_is_that_of_its_published_size() -> None:
    small, large = estimate_models()
    # 1.14 and 15.96 billion parameters, as published with the weights.
    assert small.n_parameters == pytest.approx(1.137e9, rel=1e-3)
    assert large.n_parameters == pytest.approx(15.958e9, rel=1e-3)
    assert large.bf16_bytes == pytest.approx(2 * large.n_parameters, rel=1e-6)  # and a few buffers
    assert 0.25 < large.nf4_bytes / large.bf16_bytes < 0.32


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["gpt_bigcode", "starcoder2"])
def test_the_path_runs_on_both_architectures(architecture: str, corpus: Corpus, tmp_path: Path) -> None:
    folder = save_tiny(architecture, tmp_path / "model", max_position_embeddings=2048)
    record = run_on(open_subject(str(folder)), corpus, tmp_path / "runs")
    assert [row.indexing for row in record.rows] == ["none", *record.indexings]
    assert record.rows[0].default.bias_shift_nats == 0
    assert all(row.default.bias_shift_nats != 0 for row in record.rows[1:])
    assert [row.n_steered for row in record.rows] == [0, 24, 24, 24, 6, 6]
    assert record.rows[1].layers == (2,)
    assert "layers 4,12,20 clamped to 2" in record.notes[0]
    assert len(summarise_rows(record)) == 6
    page = render_reproduction(record)
    assert "as-written, tensor, batches of 4" in page
    assert "bigcode/starcoder2-15b" in page


@pytest.mark.slow
def test_an_interrupted_preset_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    folder = save_tiny("starcoder2", tmp_path / "model", max_position_embeddings=2048)
    subject = open_subject(str(folder))
    whole = run_on(subject, corpus, tmp_path / "whole")

    def stop(_stage: str, _what: str, done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    options = {"subject_digest": subject.digest, "corpus_digest": corpus.content_digest, "seed": 0, "device": "cpu"}
    with (
        pytest.raises(KeyboardInterrupt),
        store.open_run(tmp_path / "cut", "reproduction", CONFIG, **options) as run,
    ):
        run_preset(subject, corpus, CONFIG, run, progress=stop)
    with store.open_run(tmp_path / "cut", "reproduction", CONFIG, **options, resume=run.path) as again:
        assert again.n_rows == 2
        assert run_preset(subject, corpus, CONFIG, again).rows == whole.rows
