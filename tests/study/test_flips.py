from __future__ import annotations

from typing import Any

from vulnscope.corpora import load_corpus
from vulnscope.records.steer import Outcome, SteeredItem, SteerRecord
from vulnscope.study.flips import count_flips, list_flips


def test_pairs_are_mended_broken_or_otherwise_changed() -> None:
    corpus = load_corpus("synthetic", n_pairs=4)
    samples = sorted(corpus.samples, key=lambda sample: (sample.pair_id or "", sample.label), reverse=True)
    # Un-steered: right, both vulnerable, both wrong, both vulnerable.
    before = ["vulnerable", "fixed", "vulnerable", "vulnerable", "fixed", "vulnerable", "vulnerable", "vulnerable"]
    after = ["vulnerable", "vulnerable", "vulnerable", "fixed", "fixed", "unparsed", "vulnerable", "vulnerable"]
    assert [sample.label for sample in samples] == ["vulnerable", "fixed"] * 4

    def outcome(name: str, says: list[str]) -> Outcome:
        fields: dict[str, Any] = {"name": name, "margins": (0.5,) * 8, "says": tuple(says)}
        return Outcome.model_construct(**fields)

    items: list[Any] = [
        SteeredItem(sample=sample.id, margin=1.0, says=says)  # type: ignore[arg-type]
        for sample, says in zip(samples, before, strict=True)
    ]
    steer = SteerRecord.model_construct(items=tuple(items), outcomes=(outcome("all", after), outcome("none", before)))
    all_of_them, none = count_flips(steer, corpus)
    assert (all_of_them.n_mended, all_of_them.n_broken, all_of_them.n_other) == (1, 1, 1)
    assert (none.n_mended, none.n_broken, none.n_other) == (0, 0, 0)
    flips = list_flips(steer, corpus, n_with_code=2)
    pairs = [samples[place].pair_id for place in (2, 0, 4)]
    assert [flip.pair for flip in flips] == pairs
    assert [flip.code is None for flip in flips] == [False, False, True]
    assert [[under.name for under in flip.after] for flip in flips] == [["all"]] * 3
    assert flips[0].code == (samples[2].code, samples[3].code)


def test_records_of_earlier_versions_hold_no_answers() -> None:
    corpus = load_corpus("synthetic", n_pairs=4)
    steer = SteerRecord.model_construct(items=(), outcomes=())
    assert list_flips(steer, corpus) == count_flips(steer, corpus) == ()
