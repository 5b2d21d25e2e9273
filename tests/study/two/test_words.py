from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.study.test_diagnosis import about

from vulnscope.records.audit import SubjectInfo
from vulnscope.records.base import Number
from vulnscope.study.record import StudyRecord
from vulnscope.study.two.record import Difference, Figure, FigureDifference
from vulnscope.study.two.words import name_sides, write_sentence


def subject(name: str, **changes: Any) -> SubjectInfo:
    fields = {"name": name, "revision": None, "adapter": None, "quantization": None, "dtype": "float32", **changes}
    return SubjectInfo.model_construct(**fields)


def study(diagnosis: str) -> StudyRecord:
    found = SimpleNamespace(verdict=SimpleNamespace(diagnosis=diagnosis), corpus=SimpleNamespace(name="sven"))
    return cast(StudyRecord, found)


def row(name: Figure, change: float, p: Number, detectable: Number = 0.04) -> FigureDifference:
    own = Difference(
        first=about(0.5), second=about(0.5 + change), change=about(change), p=p, p_corrected=p, detectable=detectable
    )
    return FigureDifference(name=name, difference=own)


def test_equal_names_are_told_apart_by_how_the_models_were_opened() -> None:
    assert name_sides(subject("one"), subject("other")) == ("one", "other")
    plain, packed = subject("base"), subject("base", quantization="nf4")
    assert name_sides(plain, packed) == ("base (no quantization)", "base (quantization nf4)")
    assert name_sides(plain, subject("base", dtype="bfloat16"))[1] == "base (dtype bfloat16)"


def test_what_is_shown_comes_first_and_what_is_not_says_what_could_have_been() -> None:
    sentence = write_sentence(
        (study("blind"), study("says it")),
        ("a", "b"),
        (row("says", 0.01, 0.4), row("pair-correct", 0.3, 0.0001), row("probe", 0.2, 0.02)),
        400,
    )
    assert sentence == (
        "A (a): blind; B (b): says it. On the same 400 samples of sven, B minus A: pairs right +30.0 points "
        "[+28.0, +32.0] (p < 0.001); AUROC of the probe +0.20 [+0.18, +0.22] (p = 0.020); no difference shown in AUROC "
        "of the margin (+0.01 [−0.01, +0.03], p = 0.400; could have shown 0.04)"
    )


def test_a_figure_on_fewer_samples_says_so() -> None:
    sentence = write_sentence((study("blind"), study("blind")), ("a", "b"), (row("probe", 0.2, 0.02),), 420)
    assert sentence.endswith("AUROC of the probe +0.20 [+0.18, +0.22] (p = 0.020, 400 samples)")


def test_equal_diagnoses_are_said_once() -> None:
    sentence = write_sentence((study("blind"), study("blind")), ("a", "b"), (row("says", 0.0, 1.0),), 40)
    assert sentence.startswith("A (a) and B (b), both: blind. On the same 40 samples of sven, B minus A: no difference")
