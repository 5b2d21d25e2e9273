from __future__ import annotations

from collections.abc import Callable

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.check.stats import count_corpus
from vulnscope.records.corpus import CorpusStats


def test_counts(make_sample: Callable[..., Sample], make_corpus: Callable[[list[Sample]], Corpus]) -> None:
    corpus = make_corpus(
        [
            make_sample("a", "x\n" * 10, label="vulnerable", pair_id="p", cwes=("CWE-89", "CWE-79"), part="one"),
            make_sample("b", "y\n" * 20, label="fixed", pair_id="p", notes=("odd",), difficulty="easy"),
            make_sample("c", "z\n" * 30, split="val", licence="MIT"),
        ]
    )
    stats = count_corpus(corpus)
    assert (stats.n_samples, stats.n_pairs, stats.n_groups) == (3, 1, 2)
    assert (stats.n_rows_in, stats.n_rows_out) == (3, 3)
    assert stats.labels == {"vulnerable": 1, "fixed": 1, "unlabelled": 1}
    assert stats.cwes == {"CWE-89": 1, "CWE-79": 1, "none": 2}
    assert stats.parts == {"one": 1, "none": 2}
    assert stats.splits == {"none": 2, "val": 1}
    assert stats.difficulties == {"none": 2, "easy": 1}
    assert stats.licences == {"unknown": 2, "MIT": 1}
    assert (stats.n_noted, stats.notes) == (1, {"odd": 1})
    assert (stats.lines.median, stats.lines.p90, stats.lines.largest) == (20, 28, 30)
    assert stats.characters.median == 40
    assert CorpusStats.model_validate_json(stats.model_dump_json()) == stats


def test_one_sample_and_none(make_sample: Callable[..., Sample], make_corpus: Callable[[list[Sample]], Corpus]) -> None:
    corpus = make_corpus([make_sample("a", "x\ny\n")])
    assert count_corpus(corpus).lines.p90 == 2
    assert count_corpus(corpus.keep([])).lines.largest == 0


def test_numbers_that_the_catalogue_does_not_have_are_counted(
    make_sample: Callable[..., Sample], make_corpus: Callable[[list[Sample]], Corpus]
) -> None:
    cwes = [("CWE-89",), ("CWE-9999", "CWE-1446"), ("CWE-9999",), ("CWE-1000",)]
    corpus = make_corpus([make_sample(str(number), cwes=found) for number, found in enumerate(cwes)])
    (problem,) = count_corpus(corpus).problems
    assert problem.startswith("2 of 4 samples name a CWE that the catalogue does not have (edition ")
    assert problem.endswith("): CWE-9999 (2), CWE-1446 (1)")
    assert count_corpus(corpus.keep(corpus.samples[:1])).problems == ()


def test_only_the_most_frequent_unknown_numbers_are_named(
    make_sample: Callable[..., Sample], make_corpus: Callable[[list[Sample]], Corpus]
) -> None:
    corpus = make_corpus([make_sample(str(number), cwes=(f"CWE-{3000 + number}",)) for number in range(11)])
    assert count_corpus(corpus).problems[0].endswith("CWE-3007 (1) and 3 more")
