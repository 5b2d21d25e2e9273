from __future__ import annotations

from typing import Any

import pytest

from vulnscope.ask.figures.baselines import LENGTH
from vulnscope.audit.figures import leaks
from vulnscope.audit.figures.leaks import RULES, check_corpus, measure_surface
from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.check.leaks import Leaks
from vulnscope.corpora.tables.assembly import Row, assemble
from vulnscope.records.base import Estimate, NotMeasured, Number, not_measured
from vulnscope.records.leaks import LeakRecord, Overlap, Repetition, SharedOrigin, SurfaceRule
from vulnscope.stats import Bootstrap

WORDS = "apple pear plum fig cherry quince melon lemon".split()  # noqa: SIM905


def make_corpus(n_pairs: int, *, longer: bool = False, word: str = "") -> Corpus:
    """Pairs of code that differ in nothing, or in their length, or in a word of the fixed twin."""
    rows = []
    for number in range(n_pairs):
        fruit = f"{WORDS[number % 8]}_{WORDS[number // 8 % 8]}_{number}"
        code = f"int {fruit}(int {fruit}_size, char *{fruit}_skin)\n{{\n    return {number} * {fruit}_size;\n}}\n"
        fixed = code.replace("return", "if (size)\n        return") if longer else code.replace("* ", f"/ {word}")
        twins = tuple(
            Sample(id=f"{number}/{label}", corpus="test", language="c", label=label, code=text, pair_id=str(number))
            for label, text in (("vulnerable", code), ("fixed", fixed))
        )
        rows.append(Row(str(number), None, twins))
    return assemble("test", rows, skip_bad=False)


@pytest.fixture(scope="module")
def worded() -> LeakRecord:
    return check_corpus(make_corpus(40, word="safe_"))


def test_every_rule_is_measured(worded: LeakRecord) -> None:
    assert [rule.name for rule in worded.surface] == ["length (shorter is vulnerable)", *RULES]
    assert all(rule.trained_on == "test itself, 5 folds over groups" for rule in worded.surface[1:])
    assert LeakRecord.model_validate_json(worded.model_dump_json()) == worded


def test_a_word_that_names_the_label_is_found(worded: LeakRecord) -> None:
    (word,) = worded.label_words
    assert (word.word, word.n_vulnerable, word.n_fixed) == ("safe", 0, 40)
    by_name = {rule.name: rule for rule in worded.surface}
    assert by_name["label words"].auroc.value == 1.0
    assert by_name["label words"].pair_rank.value == 1.0
    assert "label words alone: AUROC 1.00 and pair-rank 1.00, clear of chance" in worded.findings


def test_length_needs_no_training() -> None:
    record = check_corpus(make_corpus(40, longer=True))
    length = record.surface[0]
    assert length.trained_on is None
    assert length.pair_rank.value == 1.0
    assert any(finding.startswith("length (shorter is vulnerable) alone: ") for finding in record.findings)
    assert record.label_words == ()


def test_too_little_to_train_on() -> None:
    record = check_corpus(make_corpus(3))
    assert all(isinstance(rule.auroc.value, NotMeasured) for rule in record.surface)
    assert "too few samples to train on" in record.surface[0].auroc.value.reason  # type: ignore[union-attr]


def test_one_label_only() -> None:
    corpus = make_corpus(20)
    record = check_corpus(corpus.keep(corpus.samples[::2]))
    assert all(isinstance(rule.auroc.value, NotMeasured) for rule in record.surface)
    (finding,) = record.findings
    assert finding.startswith("how far rules without a model get was not measured: ")


CLEAN = Repetition(n_exact=0, n_near=0, n_components=0, n_mixed_labels=0, largest=0)


def between(low: Number, value: float, high: Number) -> Estimate:
    return Estimate(value=value, low=low, high=high, method="bca", n=80, n_groups=40)


def rule(auroc: Estimate, pair_rank: Estimate, name: str = "words") -> SurfaceRule:
    return SurfaceRule(name=name, trained_on="itself", auroc=auroc, pair_rank=pair_rank)


def find(monkeypatch: pytest.MonkeyPatch, found: Leaks, surface: tuple[SurfaceRule, ...]) -> tuple[str, ...]:
    """The findings from fabricated figures."""
    monkeypatch.setattr(leaks, "find_leaks", lambda *_: found)
    monkeypatch.setattr(leaks, "measure_surface", lambda *_: surface)
    return check_corpus(make_corpus(1)).findings


def test_what_two_sides_share_is_said_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = [("commit", 2, 5), ("cve", 1, 3), ("cwe", 4, 9), ("scenario", 0, 7)]
    shared = tuple(SharedOrigin(kind=kind, n_left=9, n_right=n, n_shared=own) for kind, own, n in origins)
    leaky = Overlap(left="train", right="val", n_left=20, n_right=10, n_exact=1, n_near=4, n_leaks=2, origins=shared)
    clean = leaky.model_copy(update={"n_near": 0, "origins": ()})
    found = Leaks(CLEAN.model_copy(update={"n_mixed_labels": 2}), (leaky, clean))
    assert find(monkeypatch, found, ()) == (
        "2 of 5 commits of 'val' are also in 'train'",
        "1 of 3 CVEs of 'val' are also in 'train'",
        "4 of 9 CWEs of 'val' are also in 'train'",
        "4 of 10 samples of 'val' have a near-duplicate in 'train' (1 a copy)",
        "2 samples have a copy with the opposite label",
    )


def test_a_rule_is_clear_of_chance_above_and_length_also_below(monkeypatch: pytest.MonkeyPatch) -> None:
    above, below, level = between(0.51, 0.6, 0.7), between(0.3, 0.4, 0.49), between(0.5, 0.6, 0.7)
    under = between(0.3, 0.4, 0.5)
    missing = NotMeasured(reason="too few groups")
    surface = (
        rule(above, above),
        rule(above, level),
        rule(level, above),
        rule(level, under),
        rule(below, below),
        rule(below, above, LENGTH),
        rule(under, level, LENGTH),
        rule(between(missing, 0.9, 0.95), between(0.8, 0.9, missing)),
        rule(not_measured("one label"), not_measured("one label")),
    )
    assert find(monkeypatch, Leaks(CLEAN, ()), surface) == (
        "words alone: AUROC 0.60 and pair-rank 0.60, clear of chance",
        "words alone: AUROC 0.60, clear of chance",
        "words alone: pair-rank 0.60, clear of chance",
        "length (shorter is vulnerable) alone: AUROC 0.40 and pair-rank 0.60, clear of chance",
    )


def test_rules_are_said_to_be_missing_where_all_are(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [rule(not_measured(reason), not_measured("no pairs")) for reason in ("one label", "too few")]
    assert find(monkeypatch, Leaks(CLEAN, ()), tuple(missing)) == (
        "how far rules without a model get was not measured: one label",
    )
    assert find(monkeypatch, Leaks(CLEAN, ()), ()) == ()
    some = (missing[0], rule(between(0.4, 0.5, 0.6), between(0.4, 0.5, 0.6)))
    assert find(monkeypatch, Leaks(CLEAN, ()), some) == ()


def test_what_is_odd_about_the_corpus_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    count = leaks.count_corpus
    monkeypatch.setattr(leaks, "count_corpus", lambda given: count(given).model_copy(update={"problems": ("odd",)}))
    mixed = Leaks(CLEAN.model_copy(update={"n_mixed_labels": 1}), ())
    assert find(monkeypatch, mixed, ()) == ("1 samples have a copy with the opposite label", "odd")


def test_seed_others_and_draws_reach_where_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    corpus, other = make_corpus(1), make_corpus(2)
    monkeypatch.setattr(leaks, "find_leaks", lambda *found: given.update(leaks=found) or Leaks(CLEAN, ()))
    monkeypatch.setattr(leaks, "measure_surface", lambda *found: given.update(surface=found) or ())
    assert check_corpus(corpus, [other], seed=3, bootstrap=Bootstrap(n_draws=9)).seed == 3
    assert given == {"leaks": (corpus, [other]), "surface": (corpus, 3, Bootstrap(n_draws=9))}
    assert check_corpus(corpus).seed == 0
    assert given == {"leaks": (corpus, ()), "surface": (corpus, 0, Bootstrap())}


def make_two_languages() -> Corpus:
    """Vulnerable twins are shorter within each language, and C is shorter than Python; one sample has no label."""
    rows = []
    for number in range(40):
        language, filler = (("c", 1), ("python", 100))[number % 2]
        twins = tuple(
            Sample(
                id=f"{number}/{label}",
                corpus="test",
                language=language,
                label=label,
                code=f"{WORDS[number % 8]}_{number} = {'x' * size} + {number}\n",
                pair_id=str(number),
            )
            for label, size in (("vulnerable", filler), ("fixed", filler + 20))
        )
        rows.append(Row(str(number), None, twins))
    bare = Sample(id="bare", corpus="test", language="c", label="unlabelled", code="int x;\n")
    return assemble("test", [*rows, Row("bare", None, (bare,))], skip_bad=False)


def test_rules_are_compared_within_languages_on_labelled_samples() -> None:
    length, *_ = measure_surface(make_two_languages(), 0, Bootstrap(n_draws=100))
    # Over both languages the AUROC would be 3/4, and resamples of it would spread.
    assert (length.auroc.value, length.auroc.method, length.auroc.n, length.auroc.n_groups) == (1.0, "wilson", 80, 40)
    assert (length.pair_rank.value, length.pair_rank.method, length.pair_rank.n) == (1.0, "wilson", 40)


def make_unpaired(languages: tuple[str, str]) -> Corpus:
    labels = ("vulnerable", "fixed")
    rows = [
        Row(
            str(number),
            None,
            (
                Sample(
                    id=str(number),
                    corpus="test",
                    language=languages[number % 2],
                    label=labels[number % 2],
                    code=f"int {WORDS[number % 8]}_{number};\n",
                ),
            ),
        )
        for number in range(40)
    ]
    return assemble("test", rows, skip_bad=False)


def test_without_pairs_there_is_no_pair_rank() -> None:
    surface = measure_surface(make_unpaired(("c", "c")), 0, Bootstrap(n_draws=50))
    assert [each.pair_rank for each in surface] == [not_measured("no pairs")] * 5
    assert all(isinstance(each.auroc.value, float) for each in surface)


def test_labels_that_share_no_language_have_no_auroc() -> None:
    surface = measure_surface(make_unpaired(("c", "python")), 0, Bootstrap(n_draws=50))
    for each in surface:
        assert isinstance(each.auroc.value, NotMeasured)
        assert "stratum" in each.auroc.value.reason
        assert (each.auroc.n, each.auroc.n_groups) == (40, 40)


def test_rules_that_cannot_be_trained_say_on_what_and_how_many() -> None:
    surface = measure_surface(make_corpus(3), 0, Bootstrap())
    assert [each.name for each in surface] == [LENGTH, *RULES]
    assert {each.trained_on for each in surface} == {"test itself, 3 folds over groups"}
    assert {(each.auroc.n, each.pair_rank.n) for each in surface} == {(6, 6)}


def test_folds_are_dealt_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    plan = leaks.plan_training
    monkeypatch.setattr(leaks, "plan_training", lambda *given: seeds.append(given[3]) or plan(*given))
    measure_surface(make_corpus(3), 7, Bootstrap())
    assert seeds == [7]


def test_label_words_are_counted_in_any_case_and_tokens_in_their_own() -> None:
    counts = RULES["label words"](["SAFE safe_copy Bad", "apple APPLE"]).toarray()
    assert sorted(counts[0][counts[0] > 0].tolist()) == [1, 2]
    assert counts[1].sum() == 0
    tokens = RULES["bag of tokens"](["Safe safe safe", "SAFE"]).toarray()
    assert sorted(tokens[0][tokens[0] > 0].tolist()) == [1, 2]
    assert not (tokens[0] * tokens[1]).any()
