import math

import numpy as np

from vulnscope.stats import Groups, mean_statistic


def test_groups_are_numbered_in_order_of_first_appearance() -> None:
    groups = Groups.from_labels(["b", "a", "b"])
    assert groups.index.tolist() == [0, 1, 0]
    assert (groups.n_groups, groups.n_items) == (2, 3)
    assert groups.sums([1.0, 2.0, 3.0]).tolist() == [4.0, 2.0]
    assert Groups.from_labels([]).sums([]).tolist() == []


def test_mean_statistic_counts_items_by_weight() -> None:
    groups = Groups.from_labels(["a", "a", "b"])
    statistic = mean_statistic([1.0, 0.0, 1.0], groups, weights=[1, 1, 0])
    assert statistic(np.array([[1.0, 1.0], [1.0, 5.0]])).tolist() == [0.5, 0.5]
    assert math.isnan(statistic(np.array([[0.0, 3.0]]))[0])
