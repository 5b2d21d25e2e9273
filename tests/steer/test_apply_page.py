"""The page of an applied intervention: which answers changed, and how."""

from __future__ import annotations

import pytest
from tests.report.pages.estimates import estimate, read_row

from vulnscope.records.apply import AppliedFrom, ApplyRecord
from vulnscope.records.audit import CorpusInfo, SubjectInfo
from vulnscope.records.steer import Outcome
from vulnscope.report.page import Block, Fact, Table, Text
from vulnscope.steer.apply_page import page


def make_record(after: str = "vulnerable", n_changed: int = 3) -> ApplyRecord:
    changed = ApplyRecord.model_fields["changed"].annotation.__args__[0].model_construct(  # type: ignore[union-attr]
        sample="a", cwes=("CWE-22", "CWE-89"), label="vulnerable", before="fixed", after=after,
        margin_before=-1.0, margin_after=0.5,
    )  # fmt: skip
    outcome = Outcome.model_construct(
        name="add", what="at layer 3", kind="threshold", per_cwe=(), side_effects=None, effect="nothing shown",
        anti_steered_rate=0.0, p_corrected=1.0, p_random=1.0, p_shuffled=1.0,
        **{name: estimate(0.5) for name in ("auroc_change", "bias_shift", "pair_correct", "yes_rate", "unparsed_rate")},
    )  # fmt: skip
    return ApplyRecord.model_construct(
        sentence="s", outcomes=(outcome,), controls=(), changed=(changed,), n_changed=n_changed, n_to_right=2,
        n_to_wrong=1, correction="none", notes=("a note",), left_out=(), command="", config={}, versions={}, run="r",
        subject=SubjectInfo.model_construct(name="m", architecture="a", n_parameters=1, dtype="f", device="cpu"),
        corpus=CorpusInfo.model_construct(name="c", n_samples=40, n_pairs=20, n_groups=20, grouping="by pair"),
        found_in=AppliedFrom.model_construct(
            subject="other", subject_digest="ab12", is_same_subject=False, corpus="c", is_same_corpus=True
        ),
        **{name: estimate(0.5) for name in ("clean_auroc", "clean_pair_correct", "clean_yes_rate")},
    )  # fmt: skip


def list_blocks(record: ApplyRecord, name: str) -> list[Block]:
    return list(next(section.blocks for section in page(record).sections if section.name == name))


def test_changed_answers_have_their_columns_and_are_counted() -> None:
    counted, hint, table = list_blocks(make_record(), "Answers that changed")
    assert counted == Text("3 of 40 answers changed: 2 to right, 1 from right", only="terminal")
    assert isinstance(hint, Text)
    assert hint.text.endswith("1 from right The 1 whose margin moved most are shown.")
    assert isinstance(table, Table)
    assert [(head, cell.text) for head, cell in read_row(table)] == [
        ("", "a"),
        ("CWE", "CWE-22 CWE-89"),
        ("is", "vulnerable"),
        ("says", "fixed → vulnerable"),
        ("", "now right"),
        ("margin, nats", "−1.00 → +0.50"),
    ]


@pytest.mark.parametrize(("after", "judged"), [("fixed", "still wrong"), ("unparsed", "still wrong")])
def test_a_changed_answer_may_stay_wrong(after: str, judged: str) -> None:
    table = list_blocks(make_record(after), "Answers that changed")[2]
    assert isinstance(table, Table)
    assert table.rows[0][4] == judged


def test_no_change_is_said() -> None:
    said = list_blocks(make_record(n_changed=0), "Answers that changed")
    assert said == [Text("0 of 40 answers changed", only="terminal"), Text("No answer changed.", only="page")]


def test_where_its_vectors_come_from_is_a_fact() -> None:
    note = "another model, digest ab12; fitted on c, this very corpus: not held out"
    assert Fact("Vectors from", "other", note) in page(make_record()).facts


def test_a_terminal_has_the_notes_without_a_prefix() -> None:
    noted = [block for block in list_blocks(make_record(), "Left out") if block.only == "terminal"]
    assert noted == [Text("a note", "warning", only="terminal")]
