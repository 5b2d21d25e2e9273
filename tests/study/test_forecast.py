"""Estimates come from a config alone, agree with loaded weights, and add up."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from importlib import import_module
from math import ceil
from pathlib import Path
from statistics import mean

import pytest
import torch
from tests.ask.builders import make_corpus, make_pairs, make_sample
from tests.models.zoo import save_tiny, tiny_config

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import InputError
from vulnscope.models import open_subject
from vulnscope.models.forward.call_prices import CallPrices
from vulnscope.models.subject.sketch import Sketch, sketch_model
from vulnscope.patch.config import PatchConfig
from vulnscope.probe.config import ProbeConfig
from vulnscope.prompts import load_prompts, render
from vulnscope.steer.config import SteerConfig
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
    small = estimate_study(packed, corpus, StudyConfig(probe=ProbeConfig(reinitialise=True)))
    # A packed model has no second one, whatever is asked.
    assert (small.quantization, small.second_model_bytes) == ("nf4", 0)
    assert small.memory.weights_bytes == packed.weights_bytes
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


@dataclass(frozen=True)
class ByHand:
    """The same estimate written out once more, from plain numbers; ten tokens a call, a tenth to copy one."""

    shared: float
    tails: float
    canonical: float
    n_questions: int
    n: int
    max_tokens: int
    n_cores: int

    @property
    def prompt(self) -> float:
        return self.shared + self.canonical / 2

    def price(self, n_rows: float, length: float, past: float = 0.0, depth: float = 1.0) -> float:
        per_call = max(1, min(64, int(self.max_tokens / max(1, length))))
        past, length = round(past), max(1, round(length))
        row = length if past == 0 else length + 0.1 * (past + length)
        return depth * (n_rows * row + 10 * ceil(n_rows / per_call)) * 0.5 / self.n_cores

    def intervals(self, n: int, n_items: int) -> float:
        return n * n_items * 400 / 2e7


def measure_by_hand(corpus: Corpus, sketch: Sketch, max_tokens: int) -> ByHand:
    prompts = load_prompts("yes-no")
    families = [
        [
            render(prompts, prompt, polarity, language=sample.language, code=sample.code).text
            for prompt in prompts.prompts
            for polarity in ("vulnerable", "secure")
        ]
        for sample in corpus.samples
    ]
    rate = 3.0
    if sketch.tokenizer is not None:
        first = [family[0] for family in families]
        rate = sum(map(len, first)) / sum(len(sketch.tokenizer.tokenize(text)) for text in first)
    starts = [len(os.path.commonprefix(family)) for family in families]  # noqa: RUF071  # texts, not paths
    tails = [[len(text) - start for text in family] for family, start in zip(families, starts, strict=True)]
    return ByHand(
        shared=mean(starts) / rate,
        tails=mean(map(sum, tails)) / rate,
        canonical=mean(tail[0] + tail[1] for tail in tails) / rate,
        n_questions=len(families[0]),
        n=len(families),
        max_tokens=max_tokens,
        n_cores=2,
    )


@pytest.fixture
def small() -> Corpus:
    """Ten pairs of 20 samples; one sample of another kind is no part of the study."""
    twins = [
        sample.model_copy(update={"code": sample.code * (3 + place)}) for place, sample in enumerate(make_pairs(10))
    ]
    return make_corpus([*twins, make_sample(99, "unlabelled", pair_id=None)])


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = CallPrices(call=8.0, reading_call=2.0, gather=0.1, attend=0.0, token_seconds=0.5)
    # By its place among the modules: `vulnscope.study` is a verb.
    monkeypatch.setattr(import_module("vulnscope.study.forecast"), "costs_of", lambda _: costs)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


CHEAP = StudyConfig(n_bootstrap=400, max_batch_tokens=4000)
BARE = StudyConfig(
    n_bootstrap=400,
    max_batch_tokens=100,
    changes=("rename",),
    changes_limit=8,
    probe=ProbeConfig(layers=(1,), reinitialise=False, n_folds=4, n_inner=2, n_permutations=19),
    patch=PatchConfig(max_pairs=6, layers=(0, 2)),
    steer=SteerConfig(
        methods=("pca-differences",),
        layers="middle",
        selectors=("mean",),
        scales=(0.5, 1.0),
        combine=False,
        gate=False,
        preface=None,
        n_controls=21,
        side_effects=False,
    ),
)


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize("config", [CHEAP, BARE], ids=["whole", "bare"])
def test_asking_takes_every_question_about_every_sample(sketch: Sketch, small: Corpus, config: StudyConfig) -> None:
    assert config.max_batch_tokens is not None
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, config.max_batch_tokens)
    audit, changes, *_ = estimate_study(sketch, small, config).stages
    tokens = hand.shared + hand.tails
    assert (audit.n_rows, audit.n_tokens) == (20 * hand.n_questions, round(20 * tokens))
    assert audit.model_seconds == pytest.approx(hand.price(20, tokens))
    assert audit.statistics_seconds == pytest.approx(hand.intervals(100, 20))
    assert audit.disk_bytes == 20 * (300 + 180 * hand.n_questions) + 2**20
    kinds, n = (2, 20) if config is CHEAP else (1, 8)
    assert (changes.n_rows, changes.n_tokens) == (kinds * n * hand.n_questions, round(kinds * n * tokens))
    assert changes.model_seconds == pytest.approx(hand.price(kinds * n, tokens))
    assert changes.statistics_seconds == pytest.approx(kinds * hand.intervals(100, n))
    assert changes.disk_bytes == kinds * n * (300 + 180 * hand.n_questions) + 2**20


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(
    ("config", "n_reads", "n_layers", "n_fits", "n_permutations"),
    [(CHEAP, 40, 3, 5 * 4 * 9, 99), (BARE, 20, 1, 4 * 3 * 3, 19)],
    ids=["whole", "bare"],
)
def test_probing_reads_once_or_twice_and_fits_many_times(
    sketch: Sketch, small: Corpus, config: StudyConfig, n_reads: int, n_layers: int, n_fits: int, n_permutations: int
) -> None:
    assert config.max_batch_tokens is not None
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, config.max_batch_tokens)
    whole = estimate_study(sketch, small, config)
    probe = whole.stages[2]
    tokens = hand.shared + hand.canonical
    assert (probe.n_rows, probe.n_tokens) == (2 * n_reads, round(n_reads * tokens))
    assert probe.model_seconds == pytest.approx(hand.price(n_reads, tokens))
    # 20 samples of width 32: a decomposition of 10 n d r each, and 30 steps of 4 n r for 4 variants and permutation.
    flops = n_fits * (10 * 20 * 32 * 20 + 4 * 30 * 4 * 20 * 20 * (1 + n_permutations))
    assert probe.statistics_seconds == pytest.approx(flops / 2.5e10 / 2 + hand.intervals(200, 20))
    # Four bytes of 32 numbers in each layer and for the lens, of four pools and the other question's last token.
    held = 20 * 4 * 32 * (n_layers + 1) * 5
    assert whole.read_activations_bytes == held
    assert probe.disk_bytes == held * n_reads // 20 + 20 * (300 + 180 * hand.n_questions) + 2**20


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("config", "n_pairs", "n_layers"), [(CHEAP, 10, 3), (BARE, 6, 2)], ids=["whole", "bare"])
def test_patching_asks_both_twins_twice_in_every_cell(
    sketch: Sketch, small: Corpus, config: StudyConfig, n_pairs: int, n_layers: int
) -> None:
    assert config.max_batch_tokens is not None
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, config.max_batch_tokens)
    patch = estimate_study(sketch, small, config).stages[3]
    n_cells = n_layers * 7
    n_rows = 4 * n_pairs * n_cells
    assert (patch.n_rows, patch.n_tokens) == (n_rows, round(n_rows * hand.prompt / 2))
    assert patch.model_seconds == pytest.approx(hand.price(n_rows, hand.prompt / 2, depth=0.5))
    assert patch.statistics_seconds == pytest.approx(hand.intervals(n_cells, 2 * n_pairs))
    assert patch.disk_bytes == n_rows * 220 + 2**20


@pytest.mark.usefixtures("priced")
def test_steering_sweeps_chooses_and_reports(sketch: Sketch, small: Corpus) -> None:
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, 4000)
    steer = estimate_study(sketch, small, CHEAP).stages[4]
    # 16 prompts fit, 12 choose, 12 report. Four methods in three layers at six scales, and 40 controls at both signs of
    # three; then 40 controls and eight outcomes: methods, preface alone and with the best, combined, gated.
    edits = 12 * (4 * 3 * 6 + 40 * 6) + 12 * (40 + 8)
    assert (steer.n_rows, steer.n_tokens) == (edits + 40, round(16 * hand.prompt + edits))
    # Only the last token is run anew, half of the layers on average. Elsewhere: 6 questions about loops, 144 positions
    # of ordinary code, and 12 heads continued by 50 tokens, for eight outcomes and the clean run.
    elsewhere = hand.price(6, hand.prompt) + hand.price(144, 150) + 50 * (hand.price(12, 1, 75) + 8e-3)
    seconds = hand.price(40, hand.prompt) + hand.price(edits, 1, hand.prompt, depth=0.5) + 9 * elsewhere
    assert steer.model_seconds == pytest.approx(seconds)
    assert steer.statistics_seconds == pytest.approx(hand.intervals(8 * 24, 6))
    assert steer.disk_bytes == edits * 220 + 2 * (4 * 3 * 32 * 4) + 2**20


@pytest.mark.usefixtures("priced")
def test_a_bare_steering_reruns_half_of_the_prompt(sketch: Sketch, small: Corpus) -> None:
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, 100)
    steer = estimate_study(sketch, small, BARE).stages[4]
    # One method in one layer at two scales, and 42 controls at both signs of these; one outcome.
    edits = 12 * (2 + 42 * 4) + 12 * (42 + 1)
    assert steer.n_rows == edits + 40
    assert steer.n_tokens == round(16 * hand.prompt + edits * hand.prompt / 2)
    seconds = hand.price(40, hand.prompt) + hand.price(edits, hand.prompt / 2, depth=0.5)
    assert steer.model_seconds == pytest.approx(seconds)
    assert steer.statistics_seconds == pytest.approx(hand.intervals(24, 6))
    assert steer.disk_bytes == edits * 220 + 2 * (32 * 4) + 2**20


@pytest.mark.usefixtures("priced")
def test_what_it_rests_on_is_said(sketch: Sketch, small: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, 4000)
    assert estimate_study(sketch, small, CHEAP).rests_on == (
        "time is an estimate from shapes and typical speeds, not a measurement: take it for its order of magnitude",
        "speeds are those of 2 cores of type cpu in float32, otherwise idle",
        "3.0 characters per token, assumed: the folder holds no tokenizer",
        f"prompts of {hand.prompt:,.0f} tokens on average; questions about one sample share its code; longer prompts "
        "than the model reads are cut",
        "the answers of the audit are taken from the cache by the later stages",
        "activations on disk are removed when the probe is done",
    )
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert "of 1 core of type" in estimate_study(sketch, small, CHEAP).rests_on[1]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    on_card = replace(sketch, device=torch.device("cuda"))
    monkeypatch.setattr(import_module("vulnscope.models.subject.inspection"), "free_bytes", lambda _: 2**33)
    found = estimate_study(on_card, small, CHEAP)
    assert found.rests_on[1] == "speeds are those of one device of type cuda in float32, otherwise idle"
    assert found.stages[0].model_seconds == pytest.approx(replace(hand, n_cores=1).price(20, hand.shared + hand.tails))


@pytest.mark.usefixtures("priced")
def test_a_tokenizer_measures_the_prompts(tmp_path: Path, small: Corpus) -> None:
    sketch = sketch_model(str(save_tiny("qwen2", tmp_path)))
    hand = measure_by_hand(small.keep(small.samples[:20]), sketch, 4000)
    found = estimate_study(sketch, small, CHEAP)
    assert found.rests_on[2] == "1.0 characters per token, measured with its tokenizer"
    assert found.stages[0].n_tokens == round(20 * (hand.shared + hand.tails))


@pytest.mark.usefixtures("priced")
def test_the_largest_call_holds_the_longest_prompt(sketch: Sketch, small: Corpus) -> None:
    found = estimate_study(sketch, small, CHEAP)
    assert (found.model, found.dtype, found.device, found.quantization) == (sketch.name, "float32", "cpu", None)
    assert (found.n_samples, found.n_pairs, found.n_groups) == (20, 10, 10)
    longest = ceil(max(map(len, texts_of(small.keep(small.samples[:20])))) / 3)
    assert (found.memory.length, found.memory.batch) == (longest, 4000 // longest)
    assert found.memory.weights_bytes == sketch.weights_bytes
    tight = estimate_study(sketch, small, BARE)
    assert (tight.memory.length, tight.memory.batch, tight.second_model_bytes) == (longest, 1, 0)


@pytest.mark.usefixtures("priced")
def test_a_long_sample_counts_also_between_those_that_are_read(sketch: Sketch) -> None:
    # Of 130 samples every second one is read; the first of the others is the longest.
    for n, expected in ((10, None), (100, 512)):
        samples = make_pairs(65)
        samples[1] = samples[1].model_copy(update={"code": samples[1].code * n})
        longest = ceil(max(map(len, texts_of(make_corpus(samples)))) / 3)
        found = estimate_study(sketch, make_corpus(samples), CHEAP)
        assert found.memory.length == (expected or longest)
        hand = measure_by_hand(make_corpus(samples[::2]), sketch, 4000)
        assert found.stages[0].n_tokens == round(130 * (hand.shared + hand.tails))


@pytest.mark.usefixtures("priced")
def test_odd_numbers_of_samples_make_whole_pairs(sketch: Sketch) -> None:
    samples = [*make_pairs(10), make_sample(10, "fixed", pair_id=None)]
    found = estimate_study(sketch, make_corpus(samples), CHEAP)
    hand = measure_by_hand(make_corpus(samples), sketch, 4000)
    assert found.stages[3].n_rows == 4 * 10 * 3 * 7
    # 12.6 of 42 prompts report: those of 6 samples.
    assert found.stages[4].statistics_seconds == pytest.approx(hand.intervals(8 * 24, 6))


@pytest.mark.usefixtures("priced")
def test_loops_are_asked_about_in_64_samples_at_most(sketch: Sketch) -> None:
    corpus = make_corpus(make_pairs(250))
    hand = measure_by_hand(make_corpus(corpus.samples[::7]), sketch, 4000)
    without = CHEAP.model_copy(update={"steer": CHEAP.steer.model_copy(update={"side_effects": False})})
    cost, plain = (estimate_study(sketch, corpus, config).stages[4].model_seconds for config in (CHEAP, without))
    elsewhere = hand.price(64, hand.prompt) + hand.price(144, 150) + 50 * (hand.price(12, 1, 75) + 8e-3)
    assert cost - plain == pytest.approx(9 * elsewhere)


def test_a_large_model_is_not_probed_anew_without_being_asked(tmp_path: Path, corpus: Corpus) -> None:
    middle = sketch_model(str(bare(tmp_path, "starcoder2", **{**LARGE, "num_hidden_layers": 3})), dtype="bfloat16")
    assert 1e9 < middle.n_parameters < 2e9
    assert estimate_study(middle, corpus, StudyConfig()).second_model_bytes == 0


def texts_of(corpus: Corpus) -> list[str]:
    prompts = load_prompts("yes-no")
    return [
        render(prompts, prompt, polarity, language=sample.language, code=sample.code).text
        for sample in corpus.samples
        for prompt in prompts.prompts
        for polarity in ("vulnerable", "secure")
    ]
