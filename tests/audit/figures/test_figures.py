"""Classification, read-outs, prompts and robustness on rows whose figures can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss, matthews_corrcoef
from tests.ask.builders import make_items, make_pairs, make_row, make_sample

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.audit.figures.classification import classify, compare_read_outs
from vulnscope.audit.figures.prompt_grid import lay_grid
from vulnscope.audit.figures.robustness import measure_robustness
from vulnscope.corpora.samples import Augmentation
from vulnscope.records.base import NotMeasured
from vulnscope.records.rows import QuestionAnswer
from vulnscope.stats import Bootstrap

BOOTSTRAP = Bootstrap(n_draws=200)


def draw_items(n_pairs: int = 40, skill: float = 1.0) -> list[JudgedSample]:
    generator = np.random.default_rng(0)
    samples = make_pairs(n_pairs)
    margins = [generator.normal() + skill * (sample.label == "vulnerable") + 0.5 for sample in samples]
    return make_items(samples, margins)


def test_classification_equals_scikit_learn() -> None:
    items = draw_items()
    truth = [item.is_vulnerable for item in items]
    says = [item.row.says == "vulnerable" for item in items]
    margins = np.array([item.row.margin for item in items])
    figures = classify(items, BOOTSTRAP)
    assert figures.share_vulnerable == 0.5
    assert figures.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(truth, says))
    assert figures.mcc.value == pytest.approx(matthews_corrcoef(truth, says))
    assert figures.average_precision.value == pytest.approx(average_precision_score(truth, margins))
    assert figures.calibration is not None
    assert figures.calibration.brier.value == pytest.approx(brier_score_loss(truth, 1 / (1 + np.exp(-margins))))
    assert sum(each.n for each in figures.calibration.bins) == 80
    for estimate in (figures.balanced_accuracy, figures.mcc, figures.average_precision, figures.calibration.brier):
        assert float(estimate.low) < float(estimate.value) < float(estimate.high)  # type: ignore[arg-type]


def test_vd_s_mirrors_recall_and_warns_of_few_negatives() -> None:
    half, one, five = classify(draw_items(), BOOTSTRAP).cuts
    assert (half.false_positive_rate, one.false_positive_rate, five.false_positive_rate) == (0.005, 0.01, 0.05)
    assert float(five.vd_s.value) == pytest.approx(1 - float(five.recall.value))  # type: ignore[arg-type]
    assert five.vd_s.low == NotMeasured(reason=str(five.warning))  # 2 of 40 alarms set the cut
    assert half.warning == "too few negatives: a rate of 0.5 % allows 0 of 40; 2,000 would allow 10"


def test_vd_s_has_an_interval_from_ten_allowed_alarms_on() -> None:
    samples = make_pairs(200)
    margins = np.random.default_rng(8).normal(size=400) + np.tile([1.0, 0.0], 200)
    _, one, five = classify(make_items(samples, margins.tolist()), BOOTSTRAP).cuts
    assert five.warning is None
    assert float(five.vd_s.low) == pytest.approx(1 - float(five.recall.high))  # type: ignore[arg-type]
    assert float(five.vd_s.low) < float(five.vd_s.value) < float(five.vd_s.high)  # type: ignore[arg-type]
    assert isinstance(one.vd_s.low, NotMeasured)


def test_one_answer_to_everything_has_no_correlation() -> None:
    samples = make_pairs(6)
    figures = classify(make_items(samples, [1.0] * 12), BOOTSTRAP)
    assert figures.mcc.value == NotMeasured(reason="all parsed answers, or all labels, are the same")
    assert figures.balanced_accuracy.value == 0.5


def test_margins_that_are_votes_state_no_probability() -> None:
    figures = classify(draw_items(), BOOTSTRAP, has_log_odds=False)
    assert figures.calibration is None
    assert figures.cuts == ()


def test_read_outs_agree_only_on_verdicts() -> None:
    samples = make_pairs(2)
    items = make_items(samples, [1, 1, 1, 1], ["vulnerable", "fixed", "unparsed", "fixed"])
    read_outs = compare_read_outs(items, [1.0, 1.0, 0.0, -1.0], BOOTSTRAP)
    assert read_outs is not None
    # vulnerable = vulnerable; fixed ≠ vulnerable; unparsed agrees with nothing; fixed = fixed
    assert read_outs.agreement.value == 0.5
    assert read_outs.typed_accuracy.value == 0.75
    assert read_outs.log_odds_accuracy.value == 0.5
    assert compare_read_outs([], [], BOOTSTRAP) is None


def ask_two_prompts(n_pairs: int) -> list[JudgedSample]:
    """Prompt "good" ranks and answers everything right, prompt "bad" everything wrong."""
    items = []
    for place, sample in enumerate(make_pairs(n_pairs)):
        sign = 1.0 if sample.label == "vulnerable" else -1.0
        readings = [
            QuestionAnswer(
                prompt=prompt,
                polarity=polarity,
                log_odds=odds,
                label_mass=0.9,
                answer="yes" if odds > 0 else "no",
                top_token="x",
            )
            for prompt, factor in (("bad", -1.0), ("good", 1.0))
            for polarity, odds in (("vulnerable", factor * sign), ("secure", -factor * sign))
        ]
        row = make_row(sample, -sign, readings=tuple(readings))
        cwe = ("CWE-79",) if place < n_pairs else ("CWE-787",)
        items.append(JudgedSample(sample.model_copy(update={"cwes": cwe}), row, sample.pair_id or "", place))
    return items


def test_the_grid_names_best_and_worst_and_chooses_honestly() -> None:
    grid = lay_grid(ask_two_prompts(10), BOOTSTRAP)
    assert grid is not None
    assert grid.columns == ("CWE-79", "CWE-787")
    assert [(line.prompt, line.accuracy.value, line.pair_rank.value) for line in grid.lines] == [
        ("bad", 0.0, 0.0),
        ("good", 1.0, 1.0),
    ]
    assert [cell.accuracy for cell in grid.lines[1].cells] == [1.0, 1.0]
    assert grid.agreement.value == 0
    for spread in grid.spread:
        assert (spread.best, spread.worst, spread.deviation, spread.mean.value) == ("good", "bad", 0.5, 0.5)
        assert spread.best_on_others.value == 1.0
    assert [spread.measure for spread in grid.spread] == ["accuracy", "pair-rank"]


def test_prompts_that_fail_alike_do_not_agree() -> None:
    def silence(item: JudgedSample) -> JudgedSample:
        readings = tuple(each.model_copy(update={"answer": "unparsed"}) for each in item.row.readings)
        return item._replace(row=item.row.model_copy(update={"readings": readings, "says": "unparsed"}))

    grid = lay_grid([silence(item) for item in ask_two_prompts(10)], BOOTSTRAP)
    assert grid is not None
    assert grid.agreement.value == 0


def test_one_prompt_is_no_grid() -> None:
    assert lay_grid(draw_items(4), BOOTSTRAP) is None


def make_changed(answers: dict[str, tuple[str, str]]) -> list[JudgedSample]:
    """By pair: what is said of (vulnerable, fixed), for "before" and for the change "rename"."""
    items: list[JudgedSample] = []
    for number, (before, after) in enumerate(answers.values()):
        for version, said in (("", before), ("~rename", after)):
            for label, letter in zip(("vulnerable", "fixed"), said, strict=True):
                base = f"{number:03d}-{label}"
                change = Augmentation(kind="rename", base_id=base, version="seed 0") if version else None
                sample = make_sample(
                    number, label, id=base + version, pair_id=f"p{number}{version}", augmentation=change
                )
                says = {"v": "vulnerable", "f": "fixed", "u": "unparsed"}[letter]
                row = make_row(sample, 1.0 if letter == "v" else -1.0, says)  # type: ignore[arg-type]
                items.append(JudgedSample(sample, row, f"p{number}", len(items)))
    return items


def test_robust_is_right_and_unchanged() -> None:
    items = make_changed({"robust": ("vf", "vf"), "wrong": ("fv", "fv"), "lost": ("vf", "ff"), "leans": ("vv", "vv")})
    robustness = measure_robustness(items, BOOTSTRAP)
    assert robustness is not None
    (line,) = robustness.lines
    assert (line.kind, line.n, line.n_pairs) == ("rename", 8, 4)
    assert line.unchanged.value == 7 / 8
    assert line.right_before.value == 5 / 8
    assert line.right_after.value == 4 / 8
    assert line.robust.value == 4 / 8
    assert line.pair_robust.value == 1 / 4
    assert line.margin_change.value == pytest.approx(-2 / 8)
    assert line.accuracy_p == 1.0


def test_a_constant_answer_is_consistent_and_not_robust() -> None:
    robustness = measure_robustness(make_changed({str(n): ("vv", "vv") for n in range(5)}), BOOTSTRAP)
    assert robustness is not None
    assert robustness.lines[0].unchanged.value == 1
    assert robustness.lines[0].pair_robust.value == 0


def test_changed_code_without_its_original_is_not_measured() -> None:
    items = [item for item in make_changed({"one": ("vf", "vf")}) if item.sample.augmentation]
    assert measure_robustness([replace_place(item, n) for n, item in enumerate(items)], BOOTSTRAP) is None


def replace_place(item: JudgedSample, place: int) -> JudgedSample:
    return item._replace(place=place)
