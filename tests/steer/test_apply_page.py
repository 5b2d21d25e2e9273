"""What an applied intervention did: which answers changed and how they are judged, beside controls and costs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.report.pages.reading import find_section, find_styles, print_plain, read_tables, read_text
from tests.report.records import make_record

from vulnscope.records.apply import Answered, AppliedFrom, ApplyRecord
from vulnscope.records.audit import LeftOut
from vulnscope.records.base import Estimate
from vulnscope.records.steer import ControlSet, Outcome
from vulnscope.report.write_html import write_html
from vulnscope.steer.apply_page import page as describe


def about(value: float, half: float = 0.1) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, method="bca", n=80, n_groups=40)


OUTCOME = Outcome(
    name="push <in>",
    kind="from file",
    what="1.resid_post, last: add −0.5",
    bias_shift=about(-1.5),
    bias_p=0.01,
    auroc=about(0.7),
    auroc_change=about(0.25),
    pair_rank_change=about(0.2),
    pair_correct=about(0.4),
    pair_correct_change=about(0.1),
    yes_rate=about(0.6),
    unparsed_rate=about(0.0, 0.0),
    anti_steered_rate=0.0,
    p=0.02,
    p_corrected=0.03,
    p_random=0.05,
    p_shuffled=0.05,
    effect="sensitivity",
    per_cwe=(),
)
ORIGIN = AppliedFrom(
    subject="other",
    subject_digest="d1d1",
    is_same_subject=False,
    corpus="sven",
    corpus_digest="c1",
    is_same_corpus=True,
)


def answered(label: str, before: str, after: str, **changes: Any) -> Answered:
    given = {"sample": "s1", "cwes": ("CWE-89", "CWE-79"), "margin_before": -1.25, "margin_after": 2.5, **changes}
    return Answered(label=label, before=before, after=after, **given)


CHANGED = (
    answered("vulnerable", "fixed", "vulnerable"),
    answered("fixed", "fixed", "vulnerable", sample="s2", cwes=()),
    answered("fixed", "unparsed", "vulnerable", sample="s3"),
)


@pytest.fixture
def record() -> ApplyRecord:
    audit = make_record(4)
    return ApplyRecord(
        sentence="It <helps>.",
        subject=audit.subject,
        corpus=audit.corpus,
        protocol="yes-no",
        found_in=ORIGIN,
        clean_auroc=about(0.45),
        clean_pair_correct=about(0.3),
        clean_yes_rate=about(0.9, 0.05),
        outcomes=(OUTCOME,),
        controls=(
            ControlSet(
                name="random directions",
                n=3,
                auroc_changes=(0.03, -0.02, 0.01),
                pair_correct_changes=(0.1, -0.2, 0.0),
                bias_shifts=(0.5, -2.5, 1.0),
            ),
        ),
        n_changed=5,
        n_to_right=2,
        n_to_wrong=3,
        changed=CHANGED,
        correction="none",
        notes=("note <one>",),
        left_out=(LeftOut(reason="no twin", n=1234, examples=()),),
        config={"seed": 7},
        command="vulnscope steer apply",
        versions={"torch": "2.13.0"},
        seed=7,
        code_digest="0d5c",
        run="20310504-apply",
    )


def draw_changed(record: ApplyRecord) -> str:
    return find_section(describe(record), "Answers that changed")


def render(record: ApplyRecord) -> str:
    return write_html(describe(record))


def test_changed_answers_are_judged_by_the_label(record: ApplyRecord) -> None:
    (table,) = read_tables(draw_changed(record))
    assert table == [
        ["", "CWE", "is", "says", "", "margin, nats"],
        ["s1", "CWE-89 CWE-79", "vulnerable", "fixed → vulnerable", "now right", "−1.25 → +2.50"],
        ["s2", "none", "fixed", "fixed → vulnerable", "now wrong", "−1.25 → +2.50"],
        ["s3", "CWE-89 CWE-79", "fixed", "unparsed → vulnerable", "still wrong", "−1.25 → +2.50"],
    ]


def test_a_margin_that_is_nothing_has_no_sign(record: ApplyRecord) -> None:
    still = answered("fixed", "fixed", "vulnerable", margin_before=0.0, margin_after=-1e-9)
    (table,) = read_tables(draw_changed(record.model_copy(update={"changed": (still,)})))
    assert table[1][-1] == "0.00 → 0.00"


def test_an_even_number_of_controls_has_the_mean_of_the_middle_two(record: ApplyRecord) -> None:
    four = ControlSet(
        name="random directions",
        n=4,
        auroc_changes=(0.01, -0.09, -0.03, 0.05),
        pair_correct_changes=(-0.1, -0.2, -0.3, -0.1),
        bias_shifts=(0.5, -2.5, 1.0, 0.0),
    )
    tables = read_tables(find_section(describe(record.model_copy(update={"controls": (four,)})), "Controls"))
    assert tables[0][1] == ["4 × random directions", "−0.010", "+0.050", "−0.10", "2.50"]


def test_how_many_changed_and_how_many_are_shown(record: ApplyRecord) -> None:
    count = "5 of 11 answers changed: 2 to right, 3 from right"
    assert read_text(draw_changed(record)).startswith(f"{count} The 3 whose margin moved most are shown. CWE")
    whole = record.model_copy(update={"n_changed": 3})
    assert read_text(draw_changed(whole)).startswith("3 of 11 answers changed: 2 to right, 3 from right CWE")
    none = record.model_copy(update={"n_changed": 0, "changed": ()})
    assert read_text(draw_changed(none)) == "No answer changed."
    assert "0 of 11 answers changed" in print_plain(describe(none))


def test_the_terminal_shows_the_intervention_below_the_plain_model(record: ApplyRecord) -> None:
    lines = [" ".join(line.split()) for line in print_plain(describe(record))]
    assert lines == [
        "It <helps>.",
        "bias AUROC pairs says",
        "intervention shift change right vuln. p verdict",
        "un-steered 30 % 90 %",
        "push <in> −1.50 +0.25 40 % 60 % 0.030 sensitivity",
        "un-steered: AUROC 0.45 [0.35, 0.55], pair-correct 0.30 [0.20, 0.40]",
        "5 of 11 answers changed: 2 to right, 3 from right",
        "note <one>",
        "left out: 1,234 samples: no twin",
    ]
    assert find_styles(describe(record)) == ["bold", "dim", "dim", "dim", "yellow", "yellow"]


def test_controls_stand_with_what_they_are_or_are_said_to_be_missing(record: ApplyRecord) -> None:
    tables = read_tables(render(record))
    (controls,) = (table for table in tables if "median AUROC change" in table[0])
    assert controls[1] == ["3 × random directions", "+0.010", "+0.030", "+0.10", "2.50"]
    assert "with directions of the same length: random ones with the covariance" in read_text(render(record))
    without = read_text(render(record.model_copy(update={"controls": ()})))
    assert "Controls Not measured; see what was left out. Side effects" in without


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "other another model, digest d1d1; fitted on sven, this very corpus: not held out"),
        ({"is_same_subject": True, "is_same_corpus": False}, "other this model; fitted on sven Un-steered"),
        ({"corpus": None, "is_same_corpus": False}, "other another model, digest d1d1; no corpus named Un-steered"),
    ],
)
def test_where_vectors_came_from_is_a_fact(record: ApplyRecord, changes: dict[str, Any], text: str) -> None:
    found = record.model_copy(update={"found_in": ORIGIN.model_copy(update=changes)})
    assert f"Vectors from {text}" in read_text(render(found))
    assert "Vectors from" not in write_html(describe(record.model_copy(update={"found_in": None})))


def test_the_page_has_its_sections_and_facts(record: ApplyRecord) -> None:
    page = render(record)
    text = read_text(page)
    assert "<title>push &lt;in&gt; applied to organism on synthetic · Vulnscope</title>" in page
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        *("Effect", "Answers that changed", "Controls", "Side effects", "By CWE", "Left out", "Reproduce"),
    ]
    assert "It <helps>. Model organism" in text
    assert "Intervention push <in> 1.resid_post, last: add −0.5 Vectors from" in text
    assert "Un-steered AUROC 0.45 [0.35, 0.55] on the same samples" in text
    assert "Left out 1,234 samples: no twin note <one> Reproduce vulnscope steer apply" in text
    assert text.endswith('Settings { "seed": 7 } run 20310504-apply; torch 2.13.0')
