"""What of the rows a record shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ask.builders import begin_run, make_corpus, make_pairs, make_row

from vulnscope.audit.config import AuditConfig
from vulnscope.audit.figures.judgement import Case, ProtocolInfo
from vulnscope.audit.figures.record import AskedSamples, make_record
from vulnscope.records.audit import SubjectInfo
from vulnscope.records.rows import QuestionAnswer

if TYPE_CHECKING:
    from pathlib import Path

SUBJECT = SubjectInfo(
    name="m", revision=None, subject_digest="s", architecture="tiny", n_layers=1, d_model=8, n_parameters=1,
    dtype="float32", device="cpu", chat_template=False, noise_floor_nats=0.0,
)  # fmt: skip


def test_beside_an_answer_stand_the_log_odds_that_decided_it(tmp_path: Path) -> None:
    samples = make_pairs(6)
    # A "no" to the question about a flaw, beside a firmer "no" to the one about security: the margin is +2.09.
    asked = {
        polarity: QuestionAnswer(
            prompt="direct", polarity=polarity, log_odds=odds, label_mass=0.9, answer="no", top_token="No"
        )
        for polarity, odds in (("vulnerable", -0.31), ("secure", -4.49))
    }
    readings = tuple(asked.values())
    rows = [make_row(sample, 2.09, "fixed", readings=readings) for sample in samples]
    corpus, config = make_corpus(samples), AuditConfig(n_bootstrap=200)
    with begin_run(tmp_path, config) as run:
        record = make_record(
            AskedSamples(samples, rows, ()),
            SUBJECT,
            ProtocolInfo("yes-no", ("direct",), "…"),
            Case(corpus, config, run),
        )
    assert {point.log_odds for point in record.points} == {-0.31}
    assert {(pair.log_odds, pair.fixed_says, pair.fixed_margin) for pair in record.pairs} == {
        ((-0.31, -0.31), "fixed", 2.09)
    }
