from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.ask.builders import begin_run, make_corpus, make_items, make_pairs, make_row, make_sample, tiny_subject

from vulnscope.ask.measures import Item
from vulnscope.audit import AuditConfig, estimate_audit, load_background, run_audit
from vulnscope.audit.background import measure_background, precision_at
from vulnscope.corpora.ordinary import OrdinaryCode
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.figures import Background
from vulnscope.stats import Bootstrap, wilson

BOOTSTRAP = Bootstrap(n_draws=400)


def make_functions(margins: list[float], per_file: int = 2) -> list[Item]:
    samples = [
        make_sample(number, "unlabelled", id=f"background/{number}", pair_id=None) for number in range(len(margins))
    ]
    return [
        Item(sample, make_row(sample, margin), f"file:{number // per_file}", number)
        for number, (sample, margin) in enumerate(zip(samples, margins, strict=True))
    ]


def measure(functions: list[Item], items: list[Item], prevalence: float = 0.01) -> Background:
    source = OrdinaryCode(make_corpus([item.sample for item in functions], "background"), ("3 functions: not drawn",))
    return measure_background(functions, items, source, "code", prevalence, BOOTSTRAP)


def value(estimate: Estimate) -> float:
    assert isinstance(estimate.value, float)
    return estimate.value


def test_worked_figures() -> None:
    # 200 functions with margins -100 ... 99: half of them raise an alarm when asked.
    functions = make_functions([float(margin) for margin in range(-100, 100)])
    # 40 vulnerable samples with margins 60.5 ... 99.5, all called vulnerable.
    samples = make_pairs(40)
    margins = [60.5 + place // 2 if sample.label == "vulnerable" else -1.0 for place, sample in enumerate(samples)]
    background = measure(functions, make_items(samples, margins), prevalence=0.1)
    said, one, five = background.points
    assert value(said.alarm_rate) == pytest.approx(99 / 200)
    assert value(said.recall) == 1
    assert value(said.precision) == pytest.approx(0.1 / (0.1 + 0.9 * 99 / 200))
    # At 1 % two functions (98, 99) may lie above the cut of 97: 97.5, 98.5 and 99.5 are found.
    assert one.cut == 97.0
    assert value(one.alarm_rate) == pytest.approx(0.01)
    assert value(one.recall) == pytest.approx(3 / 40)
    assert value(one.precision) == pytest.approx(0.1 * 3 / 40 / (0.1 * 3 / 40 + 0.9 * 0.01))
    assert one.warning == "too few negatives: a rate of 1 % allows 2 of 200; 1,000 would allow 10"
    assert value(five.recall) == pytest.approx(11 / 40)
    assert five.warning is None
    assert background.n_files == 100
    assert background.loudest[0].margin == 99.0
    assert background.languages == {"c": 200}
    assert background.left_out == ("3 functions: not drawn",)
    for point in background.points:
        for estimate in (point.alarm_rate, point.recall, point.precision):
            assert float(estimate.low) <= value(estimate) <= float(estimate.high)  # type: ignore[arg-type]


def test_precision_is_bayes_rule() -> None:
    assert precision_at(0.8, 0.05, 0.01) == pytest.approx(0.8 * 0.01 / (0.8 * 0.01 + 0.05 * 0.99))
    assert precision_at(0.0, 0.0, 0.01) == NotMeasured(reason="no alarms at all")


def test_without_a_single_alarm_the_precision_is_bounded_not_certain() -> None:
    functions = make_functions([-1.0] * 60, per_file=1)
    samples = make_pairs(40)
    items = make_items(samples, [1.0 if sample.label == "vulnerable" else -1.0 for sample in samples])
    precision = measure(functions, items).points[0].precision
    assert precision.method == "wilson"
    assert value(precision) == 1
    worst = precision_at(wilson(1.0, 40, 0.975)[0], wilson(0.0, 60, 0.975)[1], 0.01)
    assert precision.low == worst
    assert float(precision.low) < 0.15  # type: ignore[arg-type]


def test_few_files_give_figures_without_intervals() -> None:
    functions = make_functions(list(np.linspace(-2, 2, 100)), per_file=25)
    samples = make_pairs(40)
    background = measure(functions, make_items(samples, [1.0, -1.0] * 40))
    assert background.auroc.low == NotMeasured(reason="too few groups (4 files of ordinary functions, 30 needed)")
    assert isinstance(background.points[1].recall.low, NotMeasured)
    assert background.points[0].alarm_rate.method == "wilson"


def test_an_audit_asks_the_functions_too(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.c").write_text(f"int f{number}(void) {{\n  return {number};\n}}\n")
    corpus = make_corpus(make_pairs(4))
    config = AuditConfig(n_bootstrap=200, background=str(folder))
    background = load_background(corpus, config)
    assert background is not None
    estimate = estimate_audit(tiny_subject(), corpus, config, iter([0.0, 1.0]).__next__, background)
    assert (estimate.n_samples, estimate.n_background, estimate.n_prompts) == (8, 3, 66)
    with begin_run(tmp_path / "runs", config) as run:
        record = run_audit(tiny_subject(), corpus, config, run, background=background)
        assert run.n_rows == 11
    assert record.background is not None
    assert record.background.n_functions == 3
    assert len(record.background.margins) == 3
    assert record.overall.n_samples == 8
    assert len(record.points) == 8
    assert record.background.loudest[0].function.endswith(".c:1")


def test_no_folder_is_no_background() -> None:
    assert load_background(make_corpus(make_pairs(1)), AuditConfig()) is None


def test_nothing_found_has_an_upper_bound_all_the_same() -> None:
    functions = make_functions(list(np.linspace(10, 20, 100)), per_file=1)
    samples = make_pairs(40)
    recall = measure(functions, make_items(samples, [1.0, -1.0] * 40)).points[2].recall
    assert recall.value == 0
    assert (recall.low, recall.high) == pytest.approx(wilson(0.0, 40))
