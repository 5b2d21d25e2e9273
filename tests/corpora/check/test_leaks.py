from __future__ import annotations

from collections.abc import Callable

import pytest

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.check.leaks import count_label_words, find_leaks, find_words

MakeSample = Callable[..., Sample]
MakeCorpus = Callable[[list[Sample]], Corpus]
CODE = "int add(int a, int b)\n{\n    return a + b * 2;\n}\n"
NEAR = CODE.replace("}", "    int unused; int also_unused;\n}")


def twins(make: MakeSample, pair: str, codes: tuple[str, str], **fields: object) -> list[Sample]:
    labels = ("vulnerable", "fixed")
    return [
        make(f"{pair}/{label}", code, label=label, pair_id=pair, **fields)
        for label, code in zip(labels, codes, strict=True)
    ]


@pytest.fixture
def corpus(make_sample: MakeSample, make_corpus: MakeCorpus) -> Corpus:
    one, other = f"{CODE}// one\n", f"{CODE}// two\n"
    return make_corpus(
        [
            *twins(make_sample, "a", (CODE, one), split="train", group_keys=("commit:1",)),
            *twins(make_sample, "b", (other, CODE.replace("    ", "\t")), split="val", group_keys=("commit:2",)),
            make_sample("c", split="val", group_keys=("commit:1", "cve:CVE-2099-0001")),
            make_sample("d", split="train", group_keys=("cve:CVE-2099-0002",)),
            make_sample("e"),
        ]
    )


def test_what_splits_share(corpus: Corpus) -> None:
    within, (overlap,) = find_leaks(corpus)
    assert (overlap.left, overlap.right) == ("train", "val")
    assert (overlap.n_left, overlap.n_right) == (3, 3)
    # b/fixed is a/vulnerable but for white space; b/vulnerable is close to both of a.
    assert (overlap.n_exact, overlap.n_near, overlap.n_leaks) == (1, 2, 1)
    assert overlap.is_leak
    shared = {origin.kind: (origin.n_left, origin.n_right, origin.n_shared) for origin in overlap.origins}
    assert shared == {"commit": (1, 2, 1), "cve": (1, 1, 0)}
    assert all(link.one.startswith("test:a/") and link.other.startswith("test:b/") for link in overlap.examples)
    assert (within.n_exact, within.n_near, within.n_components, within.largest) == (2, 4, 1, 4)
    assert within.n_mixed_labels == 2  # a/vulnerable and b/fixed


def test_twins_are_no_leak(make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    within, overlaps = find_leaks(make_corpus(twins(make_sample, "a", (CODE, f"{CODE}// one\n"))))
    assert (within.n_exact, within.n_near, within.n_components) == (0, 0, 0)
    assert overlaps == ()


def test_another_corpus_with_the_same_ids(corpus: Corpus, make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    other = make_corpus([make_sample("a/vulnerable", CODE), make_sample("e")]).model_copy(update={"name": "other"})
    _, overlaps = find_leaks(corpus, [other])
    overlap = overlaps[-1]
    assert (overlap.left, overlap.right, overlap.n_right) == ("other", "test", 7)
    assert (overlap.n_exact, overlap.n_near) == (3, 5)
    assert not find_leaks(other)[1]


def test_splits_that_share_nothing(make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus([make_sample("a", split="train"), make_sample("b", split="test")])
    (overlap,) = find_leaks(corpus).overlaps
    assert (overlap.left, overlap.right) == ("train", "test")
    assert not overlap.is_leak
    assert overlap.origins == ()
    assert find_leaks(corpus).within.largest == 0


def test_pairs_of_two_corpora_are_no_twins_though_they_share_a_name(
    make_sample: MakeSample, make_corpus: MakeCorpus
) -> None:
    codes = (CODE, f"{CODE}// one\n")
    own = make_corpus(twins(make_sample, "a", codes))
    other = own.model_copy(update={"name": "other"})
    (overlap,) = find_leaks(own, [other]).overlaps
    assert (overlap.n_exact, overlap.n_near, overlap.n_leaks) == (2, 2, 1)
    assert overlap.examples
    assert all(link.one.startswith("other:") and link.other.startswith("test:") for link in overlap.examples)


def test_examples_name_both_sides(make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    keys = tuple(f"commit:{number}" for number in range(7))
    corpus = make_corpus(
        [
            make_sample("a", CODE, split="train", group_keys=keys),
            make_sample("b", CODE, split="val", group_keys=(*keys, "commit:9")),
            # Near to both, and on neither side.
            make_sample("c", f"{CODE}// one\n"),
        ]
    )
    (overlap,) = find_leaks(corpus).overlaps
    assert [(link.one, link.other, link.jaccard) for link in overlap.examples] == [("test:a", "test:b", 1.0)]
    (commits,) = overlap.origins
    assert (commits.n_left, commits.n_right, commits.n_shared) == (7, 8, 7)
    assert commits.examples == ("0", "1", "2", "3", "4")


def test_components_are_counted_apart(make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    other = "void copy(char *to, const char *from)\n{\n    while (*from) *to++ = *from++;\n    *to = 0;\n}\n"
    samples = [
        make_sample(name, code) for name, code in (("a", CODE), ("b", CODE), ("c", other), ("d", other), ("e", CODE))
    ]
    within = find_leaks(make_corpus(samples)).within
    assert (within.n_exact, within.n_near, within.n_components, within.largest) == (5, 5, 2, 3)


def test_white_space_makes_no_other_code(make_sample: MakeSample, make_corpus: MakeCorpus) -> None:
    corpus = make_corpus([make_sample("a", CODE), make_sample("b", CODE.replace("a + b", "a+b").replace(")", " )"))])
    assert find_leaks(corpus).within.n_exact == 2


def test_words_of_names_and_comments() -> None:
    assert find_words("goodG2B(); /* FLAW: bad_thing */ int badge, HTTPError;") >= {"good", "flaw", "bad", "error"}
    assert "bad" not in find_words("badge")


def test_label_words(make_sample: MakeSample) -> None:
    samples = [
        make_sample("a", "void bad() {} // error", label="vulnerable"),
        make_sample("b", "void good() {} // error", label="fixed"),
        make_sample("c", "void isGood() {}", label="fixed"),
        make_sample("d", "void unsafe() {}", label="unlabelled"),
    ]
    found = [(word.word, word.n_vulnerable, word.n_fixed) for word in count_label_words(samples)]
    assert found == [("good", 0, 2), ("bad", 1, 0), ("error", 1, 1)]


def test_real_sven_shares_commits(load_real: Callable[[str], Corpus]) -> None:
    (overlap,) = find_leaks(load_real("sven")).overlaps
    assert (overlap.left, overlap.right) == ("train", "val")
    (commits,) = overlap.origins
    assert (commits.kind, commits.n_shared, commits.n_right) == ("commit", 25, 74)
    assert overlap.n_leaks > 0


def test_real_safecoder_holds_sven(load_real: Callable[[str], Corpus]) -> None:
    """Its `sec-desc` files are SVEN with instructions."""
    safecoder, sven = load_real("safecoder"), load_real("sven")
    some = sven.keep(sample for sample in sven.samples if sample.split == "val")
    overlap = find_leaks(safecoder, [some]).overlaps[-1]
    assert overlap.n_exact >= 2 * 80
