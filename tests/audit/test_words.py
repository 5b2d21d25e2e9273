"""What an audit in words asks, decided before any model is opened."""

from __future__ import annotations

import pytest
from tests.ask.builders import make_corpus, make_pairs
from tests.ask.words import FOLDERS

from vulnscope.audit.config import AuditConfig
from vulnscope.audit.words import plan_in_words
from vulnscope.corpora.corpus import Corpus
from vulnscope.corpora.samples import Augmentation
from vulnscope.errors import InputError


def make_changed() -> Corpus:
    """Three pairs, then each of them with a comment."""
    bases = [sample.model_copy(update={"group_keys": (f"scenario:{sample.pair_id}",)}) for sample in make_pairs(3)]
    changed = [
        sample.model_copy(
            update={
                "id": f"{sample.id}-changed",
                "pair_id": f"{sample.pair_id}-changed",
                "code": f"{sample.code}\n// checked",
                "augmentation": Augmentation(kind="comment", base_id=sample.id),
            }
        )
        for sample in bases
    ]
    return make_corpus([*bases, *changed])


def test_a_limit_that_leaves_an_experiment_nothing_to_compare_is_refused() -> None:
    corpus = make_changed()
    config = AuditConfig(protocol="secllmholmes", preset="robustness", prompts=("S1",))
    assert len(plan_in_words(corpus, config, FOLDERS.get).questions.samples) == 12
    wide = config.model_copy(update={"limit": 8})
    assert len(plan_in_words(corpus, wide, FOLDERS.get).questions.samples) == 8
    narrow = config.model_copy(update={"limit": 6})
    with pytest.raises(InputError, match="--limit 6 leaves no changed sample beside its original"):
        plan_in_words(corpus, narrow, FOLDERS.get)
    assert plan_in_words(corpus, narrow.model_copy(update={"preset": None}), FOLDERS.get).questions.samples
