"""What a study would take in memory, disk and time, from the shapes of its model alone: no weights, no stopwatch.

Rows of tokens are counted stage by stage and priced as `models.costs` prices them; fits and intervals are priced by
their arithmetic. The result is an order of magnitude, and says what it rests on.
"""

from __future__ import annotations

import os.path
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import torch

from vulnscope.ask.preparing import select_samples
from vulnscope.audit.yes_no import READING_BYTES, ROW_BYTES
from vulnscope.models.forward.call_prices import costs_of
from vulnscope.models.subject.inspection import estimate_memory
from vulnscope.models.text.plan import default_max_tokens
from vulnscope.patch.patching import RANDOM_REGIONS, TWIN_REGIONS
from vulnscope.prompts import POLARITIES, load_prompts, render
from vulnscope.steer.layers import choose_layers
from vulnscope.study.record import StageForecast, StudyForecast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora import Corpus, Sample
    from vulnscope.models.subject.sketch import Sketch
    from vulnscope.study.config import StudyConfig

SMALL_MODEL = 1_000_000_000
_N_READ = 64
_CHARACTERS_PER_TOKEN = 3.0
_ROWS_PER_CALL = 64
_POOLS = 4
# Typical of one core, and checked against a measured study of the organism: multiply-adds of fits, and draws times
# samples of one interval.
_FIT_FLOPS, _DRAWS_PER_SECOND = 2.5e10, 2e7
_AUDIT_INTERVALS, _PROBE_INTERVALS, _OUTCOME_INTERVALS = 100, 200, 24
_FIT_STEPS, _VARIANTS = 30, 4
_STORED_ROW_BYTES, _PAGE_BYTES = 220, 1 << 20
# Positions of ordinary code, asked clean and edited; heads continued by so many tokens; questions about loops.
_ORDINARY_ROWS, _ORDINARY_TOKENS, _HEADS, _NEW_TOKENS, _OFF_TARGET = 144, 150, 12, 50, 64
# Of one step of `generate` beyond the forward: choosing, masks and caches.
_STEP_SECONDS = 8e-3


class _Texts(NamedTuple):
    """Mean tokens of the prompts about one sample: what all questions share, and what they do not."""

    shared: float
    all_questions: float
    canonical: float
    n_questions: int
    longest: int
    characters_per_token: float
    is_tokenised: bool


def estimate_study(sketch: Sketch, corpus: Corpus, config: StudyConfig) -> StudyForecast:
    """What `run_study` would take on the device of `sketch`; nothing is asked and nothing is written."""
    samples = [sample for sample in select_samples(corpus, config).samples if sample.label != "unlabelled"]
    texts = _measure_texts(sketch, samples, config)
    work = _Work(sketch, config, samples, texts)
    stages = (work.audit(), work.changes(), work.probe(), work.patch(), work.steer())
    longest = min(texts.longest, sketch.architecture.max_positions or texts.longest)
    memory = estimate_memory(sketch, max(1, work.max_tokens // longest), longest, sketch.weights_bytes)
    second = sketch.weights_bytes if work.has_fresh else 0
    held = work.activation_bytes
    pairs = [sample.pair_id for sample in samples if sample.pair_id is not None]
    return StudyForecast(
        model=sketch.name,
        architecture=sketch.architecture.model_type,
        n_layers=sketch.architecture.n_layers,
        n_parameters=sketch.n_parameters,
        dtype=str(sketch.dtype).removeprefix("torch."),
        device=str(sketch.device),
        quantization=sketch.quantization,
        corpus=corpus.name,
        n_samples=len(samples),
        n_pairs=len(pairs) - len(set(pairs)),
        n_groups=len({corpus.groups[sample.id] for sample in samples}),
        memory=memory,
        second_model_bytes=second,
        read_activations_bytes=held,
        memory_bytes=memory.total_bytes + second + held,
        stages=stages,
        seconds=sum(stage.model_seconds + stage.statistics_seconds for stage in stages),
        disk_bytes=sum(stage.disk_bytes for stage in stages),
        rests_on=_explain(work, texts),
        config=config.model_dump(mode="json"),
    )


class _Work:
    """Rows, prices and bytes of each stage."""

    def __init__(self, sketch: Sketch, config: StudyConfig, samples: Sequence[Sample], texts: _Texts) -> None:
        self.sketch, self.config, self.texts, self.n = sketch, config, texts, len(samples)
        self.max_tokens = config.max_batch_tokens or default_max_tokens(sketch)
        self.n_cores = torch.get_num_threads() if sketch.device.type == "cpu" else 1
        self._costs = costs_of(sketch)
        self._prompt = texts.shared + texts.canonical / 2
        asked = config.probe.reinitialise
        is_own = sketch.quantization is None
        self.has_fresh = is_own and (sketch.n_parameters < SMALL_MODEL if asked is None else asked)
        n_layers = sketch.architecture.n_layers
        self._probed = len(config.probe.layers) or n_layers
        self._patched = len(config.patch.layers) or n_layers
        self._steered = len(choose_layers(config.steer.layers, n_layers))

    @property
    def activation_bytes(self) -> int:
        """Activations a probing reads, of every layer and pool, and for the lens the last ones of both questions."""
        return self.n * 4 * self.sketch.architecture.d_model * (self._probed + 1) * (_POOLS + 1)

    def audit(self) -> StageForecast:
        """Every question about every sample."""
        return self._ask("audit", self.n, _AUDIT_INTERVALS)

    def changes(self) -> StageForecast:
        """The same about changed samples, kind by kind; originals come from the cache."""
        n_kinds, n = len(self.config.changes), min(self.n, self.config.changes_limit)
        found = self._ask("changes", n_kinds * n, 0)
        return found.model_copy(update={"statistics_seconds": n_kinds * self._intervals(_AUDIT_INTERVALS, n)})

    def probe(self) -> StageForecast:
        """Canonical questions read in every layer; nested fits and their permutations."""
        config, d = self.config.probe, self.sketch.architecture.d_model
        n_reads = self.n * (2 if self.has_fresh else 1)
        rank, n_features = min(self.n, d), self._probed * (_POOLS - 1)
        steps = 4.0 * _FIT_STEPS * _VARIANTS * self.n * rank * (1 + config.n_permutations)
        n_fits = config.n_folds * (config.n_inner + 1) * n_features
        return StageForecast(
            stage="probe",
            n_rows=2 * n_reads,
            n_tokens=round(n_reads * (self.texts.shared + self.texts.canonical)),
            model_seconds=self._price(n_reads, self.texts.shared + self.texts.canonical),
            statistics_seconds=n_fits * (10.0 * self.n * d * rank + steps) / (_FIT_FLOPS * self.n_cores)
            + self._intervals(_PROBE_INTERVALS, self.n),
            disk_bytes=self.activation_bytes * (2 if self.has_fresh else 1) + self._answer_bytes(self.n) + _PAGE_BYTES,
        )

    def patch(self) -> StageForecast:
        """Both twins of every pair, layer by region, both questions, and donors from other pairs."""
        n_pairs = min(self.n // 2, self.config.patch.max_pairs)
        n_cells = self._patched * (len(TWIN_REGIONS) + len(RANDOM_REGIONS))
        n_rows = 2 * len(POLARITIES) * n_pairs * n_cells
        return StageForecast(
            stage="patch",
            n_rows=n_rows,
            n_tokens=round(n_rows * self._prompt / 2),
            # What lies before the change and below the layer is not run again.
            model_seconds=self._price(n_rows, self._prompt / 2, depth=0.5),
            statistics_seconds=self._intervals(n_cells, 2 * n_pairs),
            disk_bytes=n_rows * _STORED_ROW_BYTES + _PAGE_BYTES,
        )

    def steer(self) -> StageForecast:
        """Reading, sweep, controls, the report groups, and what interventions cost elsewhere."""
        config = self.config.steer
        fit, choose, report = (share * self.n * len(POLARITIES) for share in config.fractions)
        n_points = len(config.methods) * self._steered * len(config.selectors) * len(config.scales)
        n_controls = 2 * config.n_controls
        n_outcomes = len(config.methods) + 2 * (config.preface is not None) + config.combine + config.gate
        scales = len({abs(scale) for scale in config.scales}) * 2
        edits = round(choose * (n_points + n_controls * scales) + report * (n_controls + n_outcomes))
        is_last = set(config.selectors) == {"last"}
        new, past = (1.0, self._prompt) if is_last else (self._prompt / 2, 0.0)
        seconds = self._price(self.n * len(POLARITIES), self._prompt) + self._price(edits, new, past, depth=0.5)
        tokens = fit * self._prompt + edits * new
        if config.side_effects:
            seconds += (n_outcomes + 1) * self._price_side_effects(round(report) // len(POLARITIES))
        vectors = len(config.methods) * self._steered * self.sketch.architecture.d_model * 4
        return StageForecast(
            stage="steer",
            n_rows=edits + 2 * self.n,
            n_tokens=round(tokens),
            model_seconds=seconds,
            statistics_seconds=self._intervals(n_outcomes * _OUTCOME_INTERVALS, round(report) // len(POLARITIES)),
            disk_bytes=edits * _STORED_ROW_BYTES + 2 * vectors + _PAGE_BYTES,
        )

    def _price_side_effects(self, n_samples: int) -> float:
        """Seconds of ordinary code, questions about something else and continuations, for one intervention."""
        asked = self._price(min(n_samples, _OFF_TARGET), self._prompt) + self._price(_ORDINARY_ROWS, _ORDINARY_TOKENS)
        return asked + _NEW_TOKENS * (self._price(_HEADS, 1.0, _ORDINARY_TOKENS / 2) + _STEP_SECONDS)

    def _ask(self, stage: str, n: int, n_intervals: int) -> StageForecast:
        tokens = self.texts.shared + self.texts.all_questions
        return StageForecast(
            stage=stage,
            n_rows=n * self.texts.n_questions,
            n_tokens=round(n * tokens),
            model_seconds=self._price(n, tokens),
            statistics_seconds=self._intervals(n_intervals, n),
            disk_bytes=self._answer_bytes(n) + _PAGE_BYTES,
        )

    def _answer_bytes(self, n: int) -> int:
        return n * (ROW_BYTES + READING_BYTES * self.texts.n_questions)

    def _intervals(self, n: int, n_items: int) -> float:
        return n * n_items * self.config.n_bootstrap / _DRAWS_PER_SECOND

    def _price(self, n_rows: int, length: float, past: float = 0.0, *, depth: float = 1.0) -> float:
        """Seconds of so many rows; `depth` is the share of layers that run."""
        fitting = max(1, min(_ROWS_PER_CALL, int(self.max_tokens // max(1.0, length))))
        calls = ceil(n_rows / fitting) * (self._costs.call + self._costs.reading_call)
        rows = n_rows * self._costs.row(round(past), max(1, round(length)))
        return depth * (rows + calls) * self._costs.token_seconds / self.n_cores


def _measure_texts(sketch: Sketch, samples: Sequence[Sample], config: StudyConfig) -> _Texts:
    """Prompts of at most 64 samples, spread over all, in characters and hence in tokens."""
    prompts = load_prompts(config.prompts_file or config.protocol)
    spread = samples[:: max(1, len(samples) // _N_READ)]
    families = [
        [
            render(prompts, prompt, polarity, language=sample.language, code=sample.code).text
            for prompt in prompts.prompts
            for polarity in POLARITIES
        ]
        for sample in spread
    ]
    rate = _CHARACTERS_PER_TOKEN
    if sketch.tokenizer is not None:
        texts = [family[0] for family in families]
        # Nothing is asked here, so that a text too long for the model is no news.
        encoded = sketch.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        n_tokens = sum(map(len, encoded))
        rate = sum(map(len, texts)) / n_tokens
    shared = [len(os.path.commonprefix(family)) for family in families]  # noqa: RUF071  # texts, not paths
    tails = [[len(text) - own for text in family] for family, own in zip(families, shared, strict=True)]
    most = max(len(sample.code) for sample in samples) - max(len(sample.code) for sample in spread)
    return _Texts(
        shared=sum(shared) / len(families) / rate,
        all_questions=sum(map(sum, tails)) / len(families) / rate,
        canonical=sum(sum(tail[: len(POLARITIES)]) for tail in tails) / len(families) / rate,
        n_questions=len(families[0]),
        longest=ceil((max(len(text) for family in families for text in family) + most) / rate),
        characters_per_token=rate,
        is_tokenised=sketch.tokenizer is not None,
    )


def _explain(work: _Work, texts: _Texts) -> tuple[str, ...]:
    source = "measured with its tokenizer" if texts.is_tokenised else "assumed: the folder holds no tokenizer"
    dtype = str(work.sketch.dtype).removeprefix("torch.")
    cores = f"{work.n_cores} core{'s' * (work.n_cores > 1)}" if work.sketch.device.type == "cpu" else "one device"
    return (
        "time is an estimate from shapes and typical speeds, not a measurement: take it for its order of magnitude",
        f"speeds are those of {cores} of type {work.sketch.device.type} in {dtype}, otherwise idle",
        f"{texts.characters_per_token:.1f} characters per token, {source}",
        f"prompts of {texts.shared + texts.canonical / 2:,.0f} tokens on average; questions about one sample share "
        "its code; longer prompts than the model reads are cut",
        "the answers of the audit are taken from the cache by the later stages",
        "activations on disk are removed when the probe is done",
    )
