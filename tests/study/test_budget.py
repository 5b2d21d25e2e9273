from __future__ import annotations

import pytest
from tests.models.zoo import tiny_config

from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import InputError
from vulnscope.models.subject.sketch import Sketch, sketch_model
from vulnscope.study.budget import explain_budget, fit_budget
from vulnscope.study.checks import check_study
from vulnscope.study.config import StudyConfig
from vulnscope.study.forecast import estimate_study


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=40)


@pytest.fixture(scope="module")
def sketch(tmp_path_factory: pytest.TempPathFactory) -> Sketch:
    folder = tmp_path_factory.mktemp("bare")
    tiny_config("qwen2").save_pretrained(folder)
    return sketch_model(str(folder))


def minutes(sketch: Sketch, corpus: Corpus, limit: int | None = None) -> float:
    return estimate_study(sketch, corpus, StudyConfig(limit=limit)).seconds / 60


def test_the_largest_number_of_pairs_that_fits_is_taken(sketch: Sketch, corpus: Corpus) -> None:
    budget = (minutes(sketch, corpus, 50) + minutes(sketch, corpus, 52)) / 2
    fitted = fit_budget([sketch], corpus, StudyConfig(budget_minutes=budget))
    assert fitted.limit in (50, 51)
    check_study(corpus, fitted)
    (note,) = explain_budget(corpus, fitted)
    assert "50 of 80 samples studied" in note


def test_a_wide_budget_cuts_nothing_and_says_so(sketch: Sketch, corpus: Corpus) -> None:
    config = StudyConfig(budget_minutes=1e6)
    assert fit_budget([sketch], corpus, config) == config
    assert "nothing was cut" in explain_budget(corpus, config)[0]
    assert explain_budget(corpus, StudyConfig()) == ()


def test_a_budget_below_the_smallest_study_is_refused(sketch: Sketch, corpus: Corpus) -> None:
    with pytest.raises(InputError, match=r"a budget of 0\.001 minutes is too small: \d+ samples"):
        fit_budget([sketch], corpus, StudyConfig(budget_minutes=0.001))
