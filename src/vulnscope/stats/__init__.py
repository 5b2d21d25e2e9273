"""Every figure's formula, once: detection, intervals, paired tests, corrections, power. Pure numpy and scipy."""

from vulnscope.stats.detection import (
    AnswerCounts,
    chance_pair_correct,
    corrected_rate,
    count_answers,
    criterion,
    d_a,
    d_prime,
    false_alarm_rate,
    hit_rate,
    pair_cells,
)
from vulnscope.stats.groups import Floats, Groups, Statistic, mean_statistic
from vulnscope.stats.intervals import MIN_GROUPS, Bootstrap, Resampled, estimate, interval, resample, wilson
from vulnscope.stats.multiplicity import benjamini_hochberg, correct_family, holm, name_correction
from vulnscope.stats.paired import mcnemar, sign_flip_test, swap_test
from vulnscope.stats.power import detectable_auroc, detectable_difference, detectable_pair_rank, detectable_rate
from vulnscope.stats.ranking import auroc, auroc_statistic, pair_ranks, stratified_auroc

__all__ = [
    "MIN_GROUPS",
    "AnswerCounts",
    "Bootstrap",
    "Floats",
    "Groups",
    "Resampled",
    "Statistic",
    "auroc",
    "auroc_statistic",
    "benjamini_hochberg",
    "chance_pair_correct",
    "correct_family",
    "corrected_rate",
    "count_answers",
    "criterion",
    "d_a",
    "d_prime",
    "detectable_auroc",
    "detectable_difference",
    "detectable_pair_rank",
    "detectable_rate",
    "estimate",
    "false_alarm_rate",
    "hit_rate",
    "holm",
    "interval",
    "mcnemar",
    "mean_statistic",
    "name_correction",
    "pair_cells",
    "pair_ranks",
    "resample",
    "sign_flip_test",
    "stratified_auroc",
    "swap_test",
    "wilson",
]
