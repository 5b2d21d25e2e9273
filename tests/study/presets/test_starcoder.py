"""The preset edits exactly what the earlier code edited, fits on nothing it reports where it is right, and resumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.zoo import save_tiny, tiny_model, tiny_tokenizer
from tests.tolerances import assert_close, close_to, rounding

from vulnscope import store
from vulnscope.ask.figures.paired_scores import ScoreTable, pair_rank_change_p
from vulnscope.ask.preparing import open_protocol
from vulnscope.ask.scored.items import QuestionItems, ask_items
from vulnscope.ask.scored.preparation import prepare
from vulnscope.ask.settings import Selection
from vulnscope.corpora import Corpus, load_corpus
from vulnscope.effects.margins import score_margins
from vulnscope.errors import InputError
from vulnscope.models import Edit, Subject, TokenText, add, edited, generate, open_subject, read_text, wrap_model
from vulnscope.records.base import NotMeasured
from vulnscope.stats import Bootstrap
from vulnscope.study.kind import REPRODUCTION
from vulnscope.study.presets.directions import find_others, fit_rows, read_states
from vulnscope.study.presets.figures import Answers, correct_rows, judge, write_sentence
from vulnscope.study.presets.indexing import make_edits
from vulnscope.study.presets.model_sizes import estimate_model
from vulnscope.study.presets.page import summarise_rows
from vulnscope.study.presets.recipe import read_recipe
from vulnscope.study.presets.record import ReproductionRecord
from vulnscope.study.presets.reproduction import run_preset, write_prompt
from vulnscope.study.presets.samples import choose_samples
from vulnscope.study.presets.scoring import score_settings
from vulnscope.study.presets.settings import PresetConfig, clamp_layers

RECIPE = read_recipe("starcoder-steering-2025")
CONFIG = PresetConfig(
    layer_sets=("4,12,20",), scales=(20.0,), normalised=(True,), prompts=("plain",), n_tokens=2, n_bootstrap=200
)
ROWS = [tuple(range(3 + row, 9 + row)) for row in range(4)]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=40)


def run_on(subject: Subject, corpus: Corpus, folder: Path, config: PresetConfig = CONFIG) -> ReproductionRecord:
    with store.open_run(
        folder,
        "reproduction",
        config,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=0,
        device="cpu",
    ) as run:
        return run_preset(subject, corpus, RECIPE, config, run)


@pytest.fixture(scope="module", params=["gpt_bigcode", "starcoder2"])
def ran(
    request: pytest.FixtureRequest, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Subject, ReproductionRecord]:
    """The preset carried out on a tiny model of each architecture."""
    folder = tmp_path_factory.mktemp(request.param)
    subject = open_subject(str(save_tiny(request.param, folder / "model", max_position_embeddings=2048)))
    return subject, run_on(subject, corpus, folder / "runs")


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
    indexings = RECIPE.in_batches(4)
    indexing = indexings[f"as-written, {form}, batches of 4"]
    edits = make_edits(indexings[indexing.alone], {1: 5.0 * vector.repeat(4, 1)}, is_growing=False)
    with edited(subject, edits, ROWS), torch.inference_mode():
        steered = model(tokens).logits
    with torch.inference_mode():
        clean = model(tokens).logits
    is_steered = indexing.steered(4, 4)
    assert is_steered == ([False] * 3 + [True] if form == "tuple" else [True] + [False] * 3)
    found = torch.where(torch.tensor(is_steered)[:, None, None], steered, clean)
    assert_close(found, expected)
    assert float((found - clean).abs().max()) > rounding(float(clean.abs().max()))


def test_right_vectors_see_neither_the_weakness_nor_the_group_of_their_sample(corpus: Corpus) -> None:
    samples = choose_samples(corpus, RECIPE, CONFIG)
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
    assert_close(rows[0], mean)
    assert torch.allclose(fit_rows(states, labels, None, is_normalised=True).norm(dim=1), torch.ones(len(samples)))


def test_a_change_of_rank_is_tested_by_groups(corpus: Corpus) -> None:
    items = ScoreTable.of(choose_samples(corpus, RECIPE, CONFIG), dict(corpus.groups))
    ranked = items.is_vulnerable.astype(float)
    # Twelve groups of one pair each that all go from wrong to right: two of 2^12 flips are as extreme.
    assert items.n_groups == 12
    assert pair_rank_change_p(ranked, -ranked, items) == pytest.approx(2 / 2**12)
    assert pair_rank_change_p(ranked, ranked + 1, items) == 1
    level = np.zeros(len(items))
    assert pair_rank_change_p(ranked, level, items) == pytest.approx(2 / 2**12)


def test_equal_twins_give_no_direction() -> None:
    with pytest.raises(InputError, match="norm 0"):
        fit_rows(torch.ones(4, 8), np.array([True, False] * 2), None, is_normalised=True)


def test_samples_are_twins_of_six_weaknesses_in_turn(corpus: Corpus) -> None:
    samples = choose_samples(corpus, RECIPE, CONFIG)
    assert len(samples) == 24
    assert len({sample.cwes for sample in samples}) == 6
    assert [sample.label for sample in samples] == ["vulnerable", "fixed"] * 12
    with pytest.raises(InputError, match="asks for 60 weaknesses with 2 pairs each"):
        choose_samples(corpus, RECIPE, CONFIG.model_copy(update={"n_cwes": 60}))


def test_memory_of_the_large_model_is_that_of_its_published_size() -> None:
    small, large = (estimate_model(name, fields) for name, fields in RECIPE.models.items())
    # 1.14 and 15.96 billion parameters, as published with the weights.
    assert small.n_parameters == pytest.approx(1.137e9, rel=1e-3)
    assert large.n_parameters == pytest.approx(15.958e9, rel=1e-3)
    assert large.bf16_bytes == pytest.approx(2 * large.n_parameters, rel=1e-6)  # and a few buffers
    assert 0.25 < large.nf4_bytes / large.bf16_bytes < 0.32


def read_vectors(subject: Subject, corpus: Corpus) -> tuple[list[TokenText], torch.Tensor]:
    """The preset's plain texts, and their difference of means at the top layer."""
    samples = choose_samples(corpus, RECIPE, CONFIG)
    texts = [read_text(subject.tokenizer, write_prompt(RECIPE.prompts["plain"], sample)) for sample in samples]
    is_vulnerable = np.array([sample.label == "vulnerable" for sample in samples])
    return texts, fit_rows(read_states(subject, texts, (2,), None)[2], is_vulnerable, None, is_normalised=True)


def ask_both(subject: Subject, corpus: Corpus) -> tuple[QuestionItems, QuestionItems]:
    """The two questions of the default protocol."""
    protocol = open_protocol(subject, Selection())
    prepared = prepare(protocol, choose_samples(corpus, RECIPE, CONFIG), subject.max_positions)
    return ask_items(subject, protocol, prepared, 0), ask_items(subject, protocol, prepared, 1)


@pytest.mark.slow
def test_settings_scored_together_have_the_margins_of_each_alone(
    ran: tuple[Subject, ReproductionRecord], corpus: Corpus
) -> None:
    subject, _ = ran
    _, vectors = read_vectors(subject, corpus)
    questions = ask_both(subject, corpus)

    def make(given: Mapping[int, torch.Tensor]) -> list[Edit]:
        return [add(layer, rows, 1.0, "last", unit="raw") for layer, rows in given.items()]

    tried = [{2: scale * vectors} for scale in (20.0, 2.0, -20.0)]
    together = score_settings(subject, questions, tried, make)
    clean = score_margins(subject, questions)
    for found, given in zip(together, tried, strict=True):
        alone = score_margins(subject, questions, make(given))
        assert found.margins == close_to(alone.margins.tolist())
        assert found.says == alone.says
        assert found.margins != pytest.approx(clean.margins, abs=1e-2)
    (unsteered,) = score_settings(subject, questions, [{}], make)
    assert unsteered.margins == close_to(clean.margins.tolist())


@pytest.mark.slow
def test_larger_batches_give_the_figures_of_running_them(
    ran: tuple[Subject, ReproductionRecord], corpus: Corpus
) -> None:
    """Every sample runs, with a scale of 0 where the indexing leaves it alone; the preset takes it from other rows."""
    subject, record = ran
    samples = choose_samples(corpus, RECIPE, CONFIG)
    items = ScoreTable.of(samples, dict(corpus.groups))
    texts, vectors = read_vectors(subject, corpus)
    questions = ask_both(subject, corpus)

    def answer(scales: torch.Tensor | None, selectors: tuple[str, ...]) -> Answers:
        edits = [] if scales is None else [add(2, vectors, scales, name, unit="raw") for name in selectors]
        whole = generate(subject, texts, CONFIG.n_tokens, edits=edits or None)
        margins = score_margins(subject, questions, [edit for edit in edits if str(edit.selector) != "generated"])
        first = tuple(str(subject.tokenizer.decode(list(each.token_ids[:1]))) for each in whole)
        return Answers(first, tuple(each.text for each in whole), margins.margins, margins.says)

    clean = answer(None, ())
    in_batches = {name: each for name, each in RECIPE.in_batches(CONFIG.batch).items() if each.row is not None}
    assert len(in_batches) == 2
    for name, indexing in in_batches.items():
        row = next(row for row in record.rows if row.indexing == name)
        scales = row.scale * torch.tensor(indexing.steered(len(samples), CONFIG.batch), dtype=torch.float32)
        ran = judge(answer(scales, indexing.selectors), clean, items, Bootstrap(n_draws=200, seed=0))
        assert (row.first_token, row.whole_answer) == (ran.first, ran.whole)
        assert (row.default.yes_rate, row.default.auroc, row.default.pair_rank) == (
            ran.default.yes_rate,
            ran.default.auroc,
            ran.default.pair_rank,
        )
        assert row.default.bias_shift_nats == close_to(ran.default.bias_shift_nats)
        assert row.default.bias_shift_nats != 0


@pytest.mark.slow
def test_the_path_runs_on_both_architectures(ran: tuple[Subject, ReproductionRecord]) -> None:
    _, record = ran
    assert [row.indexing for row in record.rows] == ["none", *record.indexings]
    assert record.rows[0].default.bias_shift_nats == 0
    assert all(row.default.bias_shift_nats != 0 for row in record.rows[1:])
    assert [row.n_steered for row in record.rows] == [0, 24, 24, 24, 6, 6]
    assert record.rows[1].layers == (2,)
    assert "layers 4,12,20 clamped to 2" in record.notes[0]
    (lines,) = summarise_rows(record).values()
    assert [line.indexing for line in lines] == ["none", *record.indexings]
    assert [line.old_protocol[0] for line in lines] == [f"{n} of 24" for n in (0, 24, 24, 24, 6, 6)]
    untested, *steered = [row.default for row in record.rows]
    assert isinstance(untested.pair_rank_p, NotMeasured)
    assert record.correction == "Holm over 5"
    assert all(float(each.pair_rank_p_corrected) >= float(each.pair_rank_p) > 0 for each in steered)
    assert "of 5 settings, whatever the indexing" in record.sentence
    assert "no single one could" not in record.sentence  # 12 groups: 5 × 2^-11 is little enough
    many = write_sentence("organism", correct_rows([*record.rows, *record.rows[1:2] * 200]))
    assert many.endswith("beyond chance, and with 12 groups no single one could.")
    page = REPRODUCTION.render(record)
    assert "plain prompt, right, same samples: 1 setting<" in page
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
        run_preset(subject, corpus, RECIPE, CONFIG, run, progress=stop)
    with store.open_run(tmp_path / "cut", "reproduction", CONFIG, **options, resume=run.path) as again:
        assert again.n_rows == 2
        assert run_preset(subject, corpus, RECIPE, CONFIG, again).rows == whole.rows
