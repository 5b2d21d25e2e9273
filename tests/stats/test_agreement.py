from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from vulnscope.records.base import NotMeasured
from vulnscope.stats import cohen_kappa, repeat_agreement


@pytest.mark.parametrize("seed", range(4))
def test_kappa_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    words = ["vulnerable", "fixed", "unparsed"]
    one = generator.choice(words, 90).tolist()
    other = [word if generator.random() < 0.6 else str(generator.choice(words)) for word in one]
    assert cohen_kappa(one, other) == pytest.approx(cohen_kappa_score(one, other))


def test_constant_readers_have_no_kappa() -> None:
    assert isinstance(cohen_kappa(["yes"] * 4, ["yes"] * 4), NotMeasured)
    assert cohen_kappa(["yes"] * 4, ["no"] * 4) == 0
    assert cohen_kappa([], []) == NotMeasured(reason="no items")


def test_repeats() -> None:
    assert repeat_agreement("yyyy") == 1
    assert repeat_agreement("yyyn") == pytest.approx(3 / 6)
    assert repeat_agreement("abcd") == 0
    assert repeat_agreement("y") == NotMeasured(reason="1 repeat; agreement needs two")
