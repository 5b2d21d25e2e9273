from __future__ import annotations

from typing import Any

import pytest
from tests.ask.builders import make_items, make_pairs, make_sample
from tests.headlines import check_headline

from vulnscope.ask.figures.slices import measure_slice
from vulnscope.audit.figures.sentence import write_sentence
from vulnscope.records.answers import MarginKind
from vulnscope.records.audit import Baseline, CorpusInfo, Slice
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


def make_rules(*pair_ranks: float) -> tuple[Baseline, ...]:
    missing = not_measured("too few samples to train on")
    measured = [
        Baseline(name=f"rule {place}", auroc=estimate(rank), pair_rank=estimate(rank), pair_correct=0.0)
        for place, rank in enumerate(pair_ranks)
    ]
    untrained = Baseline(name="none", auroc=missing, pair_rank=missing, pair_correct=missing.value)
    return (*measured, untrained)


def test_the_sentence_gives_answers_pairs_and_margins_beside_the_best_rule() -> None:
    found = make_overall(
        yes_rate=estimate(0.97, 0.95, 0.98),
        unparsed_rate=estimate(0.0),
        pair_correct=estimate(0.03, 0.01, 0.06),
        pair_correct_chance=0.0291,
        pair_rank=estimate(0.52, 0.46, 0.58),
        baselines=make_rules(0.5, 0.61),
    )
    assert write_sentence(found, make_corpus_info()) == (
        "Says vulnerable to 97 % of all samples; both twins right in 3 % of pairs, by chance 3 %; margins rank 52 % of "
        "twins right, the best surface rule 61 %"
    )


@pytest.mark.parametrize("name", ["sven", "synthetic"])
@pytest.mark.parametrize("readout", ["log-odds", "text"])
@pytest.mark.parametrize("unparsed", [0.0, 0.123, 1.0])
@pytest.mark.parametrize("n_pairs", [0, 2])
def test_every_headline_is_short_without_brackets(
    name: str, readout: MarginKind, unparsed: float, n_pairs: int
) -> None:
    missing = not_measured("one class only (of 40)")
    for figures in (
        {"pair_correct": estimate(0.031, 0.01, 0.06), "pair_correct_chance": 0.0049, "pair_rank": estimate(0.999)},
        {"pair_correct": missing, "pair_correct_chance": missing.value, "pair_rank": missing, "auroc": missing},
    ):
        found = make_overall(
            n_pairs=n_pairs,
            unparsed_rate=estimate(unparsed),
            yes_rate=estimate(0.995),
            baselines=make_rules(0.995),
            **figures,
        )
        info = make_corpus_info(name, "by pair (claims about these)")
        languages = [
            found.model_copy(
                update={"kind": "language", "value": value, "yes_rate": estimate(rate), "yes_rate_apart_p": 0.001}
            )
            for value, rate in (("c", 0.92), ("python", 0.14))
        ]
        for slices in ((), languages):
            sentence = write_sentence(found, info, readout, slices)
            check_headline(sentence)
            assert "the best surface rule 99.5 %" in sentence or not n_pairs


def test_generated_code_is_named() -> None:
    assert write_sentence(make_overall(), make_corpus_info("synthetic")).startswith(
        "On generated code: says vulnerable to 100 % of all samples"
    )


def test_unparsed_answers_are_said_beside_the_share_of_all() -> None:
    found = make_overall(yes_rate=estimate(0.3), unparsed_rate=estimate(0.4))
    assert write_sentence(found, make_corpus_info()).startswith(
        "Says vulnerable to 30 % of all samples and gives no clear answer to 40 %; both twins right in"
    )
    silent = make_overall(yes_rate=estimate(0.0), unparsed_rate=estimate(1.0))
    assert write_sentence(silent, make_corpus_info()).startswith("Never gives a clear answer; both twins right in")


@pytest.mark.parametrize(
    ("rate", "shown"), [(0.0, "0 %"), (0.004, "0.4 %"), (0.996, "99.6 %"), (1.0, "100 %"), (1e-17, "0 %")]
)
def test_rates_next_to_the_ends_are_not_rounded_into_them(rate: float, shown: str) -> None:
    assert f"vulnerable to {shown} of" in write_sentence(make_overall(yes_rate=estimate(rate)), make_corpus_info())


def test_without_pairs_the_margins_auroc_speaks() -> None:
    samples = [make_sample(n, label, pair_id=None) for n in range(40) for label in ("vulnerable", "fixed")]
    found = measure_slice("all", "all", make_items(samples, [n % 3 for n in range(80)]), (), Bootstrap())
    found = found.model_copy(update={"baselines": make_rules(0.5, 0.61)})
    sentence = write_sentence(found, make_corpus_info())
    assert "; no pairs; AUROC of margins 0." in sentence
    assert sentence.endswith(", the best surface rule 0.61")
