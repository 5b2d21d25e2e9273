from __future__ import annotations

import pytest

from vulnscope.audit.figures.leaks import RULES, check_corpus
from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.tables.assembly import Row, assemble
from vulnscope.records.base import NotMeasured
from vulnscope.records.leaks import LeakRecord

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
    assert "label words alone: pair-rank 1.00, clear of chance" in worded.findings


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
