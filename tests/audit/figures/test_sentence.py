from __future__ import annotations

from typing import Any

import pytest
from tests.ask.builders import make_items, make_pairs, make_sample

from vulnscope.ask.figures.slices import measure_slice
from vulnscope.audit.figures.sentence import write_sentence
from vulnscope.records.audit import CorpusInfo, Slice
from vulnscope.records.base import Estimate, NotMeasured, not_measured
from vulnscope.stats import Bootstrap


def estimate(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    missing = NotMeasured(reason="too few groups (3, 30 needed)")
    return Estimate(
        value=value,
        low=missing if low is None else low,
        high=missing if high is None else high,
        method="bca",
        n=10,
        n_groups=10,
    )


def make_overall(**fields: Any) -> Slice:
    base = measure_slice("all", "all", make_items(make_pairs(2), [1.0] * 4), (), Bootstrap())
    return base.model_copy(update=fields)


def make_corpus_info(name: str = "sven", grouping: str = "by commit") -> CorpusInfo:
    return CorpusInfo(
        name=name, version="1", corpus_digest="d", n_samples=4, n_pairs=2, n_groups=2, grouping=grouping, licence="MIT"
    )


def test_the_sentence_gives_answers_pairs_and_margins() -> None:
    found = make_overall(
        yes_rate=estimate(0.97, 0.95, 0.98),
        unparsed_rate=estimate(0.0),
        pair_correct=estimate(0.03, 0.01, 0.06),
        pair_correct_chance=0.0291,
        pair_rank=estimate(0.52, 0.46, 0.58),
    )
    assert write_sentence(found, make_corpus_info()) == (
        "says vulnerable to 97 % of everything; pair-correct 3 % [1, 6], chance at that yes-rate 3 %; "
        "margins rank 52 % [46, 58] of twins"
    )


def test_generated_code_is_named_with_what_the_claim_is_about() -> None:
    info = make_corpus_info("synthetic", "by pair: claims about these templates")
    assert write_sentence(make_overall(), info).startswith(
        "on generated code (by pair: claims about these templates): says vulnerable to 100 % of everything"
    )


def test_unparsed_answers_are_said_first() -> None:
    found = make_overall(yes_rate=estimate(0.5), unparsed_rate=estimate(0.4))
    assert write_sentence(found, make_corpus_info()).startswith(
        "gives no clear answer to 40 % and says vulnerable to 50 % of the rest; pair-correct"
    )
    silent = make_overall(yes_rate=not_measured("no items"), unparsed_rate=estimate(1.0))
    assert write_sentence(silent, make_corpus_info()).startswith("never gives a clear answer; pair-correct")


def test_an_interval_that_is_not_measured_is_left_out() -> None:
    found = make_overall(pair_rank=estimate(0.5))
    assert write_sentence(found, make_corpus_info()).endswith("margins rank 50 % of twins")


@pytest.mark.parametrize(
    ("rate", "shown"), [(0.0, "0 %"), (0.004, "0.4 %"), (0.996, "99.6 %"), (1.0, "100 %"), (1e-17, "0 %")]
)
def test_rates_next_to_the_ends_are_not_rounded_into_them(rate: float, shown: str) -> None:
    assert f"vulnerable to {shown} of" in write_sentence(make_overall(yes_rate=estimate(rate)), make_corpus_info())


def test_without_pairs_the_margins_auroc_speaks() -> None:
    samples = [make_sample(n, label, pair_id=None) for n in range(40) for label in ("vulnerable", "fixed")]
    found = measure_slice("all", "all", make_items(samples, [n % 3 for n in range(80)]), (), Bootstrap())
    sentence = write_sentence(found, make_corpus_info())
    assert "no pairs; AUROC of the margin 0." in sentence
    assert "[0." in sentence


def test_an_interval_that_misses_its_end_by_rounding_reads_as_that_end() -> None:
    rank = estimate(0.0).model_copy(update={"low": 2.8e-17, "high": 1 - 1.1e-16})
    assert write_sentence(make_overall(pair_rank=rank), make_corpus_info()).endswith("rank 0 % [0, 100] of twins")
