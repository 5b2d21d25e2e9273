from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.ask.builders import begin_run, make_corpus, make_items, make_pairs, make_row, make_sample, tiny_subject
from tests.ask.words import FOLDERS

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.ask.worded.answers_to_rows import make_row as make_answer_row
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.figures.background import NO_CUT, Source, measure_background, precision_at
from vulnscope.audit.ordinary import load_background
from vulnscope.audit.run import estimate_audit, run_audit
from vulnscope.audit.words import plan_in_words
from vulnscope.errors import InputError
from vulnscope.records.answers import Expectation, TextAnswer
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.records.figures import Background
from vulnscope.stats import Bootstrap, wilson

BOOTSTRAP = Bootstrap(n_draws=400)


def make_functions(margins: list[float], per_file: int = 2) -> list[JudgedSample]:
    samples = [
        make_sample(number, "unlabelled", id=f"background/{number}", pair_id=None) for number in range(len(margins))
    ]
    return [
        JudgedSample(sample, make_row(sample, margin), f"file:{number // per_file}", number)
        for number, (sample, margin) in enumerate(zip(samples, margins, strict=True))
    ]


def measure(functions: list[JudgedSample], items: list[JudgedSample], prevalence: float = 0.01) -> Background:
    return measure_background(functions, items, Source("code", "0", ("3 functions: not drawn",)), prevalence, BOOTSTRAP)


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
    background = measure(functions, items)
    assert (background.auroc.value, background.auroc.low, background.auroc.high) == (1, *wilson(1.0, 40))
    precision = background.points[0].precision
    assert precision.method == "wilson"
    assert value(precision) == 1
    worst = precision_at(wilson(1.0, 40, 0.975)[0], wilson(0.0, 60, 0.975)[1], 0.01)
    assert precision.low == worst
    assert float(precision.low) < 0.15  # type: ignore[arg-type]


def test_few_files_give_figures_without_intervals() -> None:
    functions = make_functions(list(np.linspace(-2, 2, 100)), per_file=25)
    samples = make_pairs(40)
    background = measure(functions, make_items(samples, [1.0, -1.0] * 40))
    assert background.auroc.low == NotMeasured(reason="too few groups (44, which count as 4.0; 8 needed)")
    assert isinstance(background.points[1].recall.low, NotMeasured)
    assert background.points[0].alarm_rate.method == "wilson"


def in_words(item: JudgedSample) -> JudgedSample:
    answer = TextAnswer(
        prompt="reason",
        expects=Expectation(form="verdict"),
        state="unparsed" if item.row.says == "unparsed" else "parsed",
        says=item.row.says,
        n_prompt_tokens=1,
    )
    row = make_answer_row(item.sample, [answer], protocol="free-text", parser="strict", counterpart=None)
    return item._replace(row=row)


@pytest.mark.parametrize("is_mixed", [False, True])
def test_answers_in_words_have_alarms_but_no_cut(is_mixed: bool) -> None:
    functions = [in_words(item) for item in make_functions([1.0, -1.0, -1.0, -1.0] * 25, per_file=1)]
    items = make_items(make_pairs(40), [1.0, -1.0, -1.0, -1.0] * 20)
    background = measure(functions, items if is_mixed else [in_words(item) for item in items], prevalence=0.1)
    said, *cuts = background.points
    assert background.readout == "text"
    assert (value(said.alarm_rate), value(said.recall)) == (0.25, 0.5)
    assert value(said.precision) == pytest.approx(0.1 * 0.5 / (0.1 * 0.5 + 0.9 * 0.25))
    # Half of the vulnerable are called so: above three quarters of the functions, level with the rest; and so on.
    assert value(background.auroc) == pytest.approx(0.5 * (0.75 + 0.25 / 2) + 0.5 * (0.75 / 2))
    missing = NotMeasured(reason=NO_CUT)
    for point in cuts:
        assert (point.cut, point.alarm_rate.value, point.recall.value, point.precision.value) == (missing,) * 4
    assert {loud.says for loud in background.loudest} == {"vulnerable"}


def test_prompts_about_ones_own_weakness_borrow_one(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.c").write_text(f"int f{number}(void) {{\n  return {number};\n}}\n")
    samples = [
        sample.model_copy(update={"cwes": ("CWE-89",)} if sample.pair_id == "p001" else {}) for sample in make_pairs(3)
    ]
    config = AuditConfig(
        protocol="secllmholmes",
        background=str(tmp_path),
        prompts=("S1", "R1"),
        temperatures=(0.5, 0.0),
        repeats=3,
    )
    audit = plan_in_words(make_corpus(samples), config, FOLDERS.get)
    assert audit.ordinary is not None
    questions = audit.ordinary.questions
    assert questions.protocol.prompts == ("S1",)
    assert (questions.decoding.temperatures, questions.decoding.repeats) == ((0.5,), 1)
    named = Counter(sample.cwes for sample in questions.samples)
    assert set(named) == {sample.cwes for sample in samples} == {("CWE-89",), ("CWE-787",)}
    assert named["CWE-787",] > named["CWE-89",] > 2
    assert "weakness of one vulnerable sample" in audit.ordinary.source.asked


def test_a_corpus_without_vulnerable_samples_has_nothing_to_hold_against(tmp_path: Path) -> None:
    fixed = [sample for sample in make_pairs(2) if sample.label == "fixed"]
    with pytest.raises(InputError, match="none is asked"):
        load_background(make_corpus(fixed), AuditConfig(background=str(tmp_path)))


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
