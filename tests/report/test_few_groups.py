"""What a reader is told of unequal groups, few groups, and samples that nothing is ranked against."""

from __future__ import annotations

import numpy as np
from tests.ask.builders import make_items, make_pairs
from tests.audit.figures.test_sentence import make_corpus_info

from vulnscope.ask.figures.slices import measure_slice
from vulnscope.report.format import show_estimate, tell_coverages
from vulnscope.report.page import stack_estimate
from vulnscope.report.pages.common import describe_corpus
from vulnscope.stats import COVERAGE_OF_FEW, Bootstrap, Groups, estimate_mean

TOLD = f"few groups: such intervals hold the true value in {100 * COVERAGE_OF_FEW:.0f} % of cases"


def test_an_interval_of_few_groups_says_how_sure_it_is() -> None:
    few, many = (
        estimate_mean(np.arange(n) / n, Groups(np.arange(n), n), Bootstrap(), is_proportion=False) for n in (12, 60)
    )
    assert show_estimate(few).endswith(f"(few groups: holds in {100 * COVERAGE_OF_FEW:.0f} %)")
    assert stack_estimate(few, "score").reasons == (TOLD,)
    assert "few" not in show_estimate(many)
    assert stack_estimate(many, "score").reasons == ()
    assert tell_coverages([few, many, few, few.value]) == [TOLD]


def test_a_corpus_says_by_how_many_its_groups_count() -> None:
    unequal = make_corpus_info().model_copy(
        update={"n_groups": 38, "n_effective_groups": 15.93, "largest_group_share": 0.2, "unranked_share": 0.09}
    )
    assert describe_corpus(unequal).note.endswith(
        "38 groups, grouped by commit, which count as 15.9 of one size (the largest holds 20 % of the samples); 9 % of "
        "the samples are alone in their CWE and language, and no AUROC counts them"
    )
    equal = unequal.model_copy(update={"n_effective_groups": 38.0, "unranked_share": 0.0})
    old = unequal.model_copy(update={"n_effective_groups": None, "largest_group_share": None, "unranked_share": None})
    assert describe_corpus(equal).note.endswith("grouped by commit")
    assert describe_corpus(old) == describe_corpus(equal)


def test_a_slice_counts_the_samples_that_nothing_is_ranked_against() -> None:
    lone = make_pairs(3)
    samples = [each.model_copy(update={"cwes": ("CWE-1",)}) if place < 2 else each for place, each in enumerate(lone)]
    samples = [
        each.model_copy(update={"cwes": ("CWE-2",)}) if place >= 2 else each for place, each in enumerate(samples)
    ]
    found = measure_slice("all", "all", make_items(samples, [1.0, 0.0] * 3), (), Bootstrap())
    assert found.unranked_share is not None
    assert round(found.unranked_share, 3) == 0.333
    assert found.auroc.n == 4
