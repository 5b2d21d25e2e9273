from __future__ import annotations

from pathlib import Path

import pytest

from vulnscope.corpora import load_corpus
from vulnscope.corpora.synthetic import (
    EVALUATION_SEED,
    generate,
    held_out_templates,
    load_templates,
    training_templates,
)
from vulnscope.corpora.synthetic.remarks import read_remark
from vulnscope.errors import InputError

TEMPLATES = load_templates()
HELD_OUT = held_out_templates()


def test_the_default_is_bound_pairs_of_the_evaluation_seed() -> None:
    corpus = load_corpus("synthetic")

    assert corpus.name == "synthetic"
    assert len(corpus.pairs) == 400
    assert {sample.difficulty for sample in corpus.samples} == {"bound"}
    expected = generate(EVALUATION_SEED, 400, difficulty="bound")
    assert [sample.code for sample in corpus.samples] == [sample.code for sample in expected]


def test_the_same_options_give_the_same_corpus() -> None:
    one, two = (load_corpus("synthetic", n_pairs=20) for _ in range(2))

    assert one.content_digest == two.content_digest
    assert one.version == two.version
    assert one.version != load_corpus("synthetic", n_pairs=20, seed=EVALUATION_SEED + 1).version


def test_every_row_is_accounted_for_and_options_are_kept() -> None:
    corpus = load_corpus("synthetic", n_pairs=30, difficulty="both", group_by="template", templates="train", seed=7)

    assert (corpus.n_rows_in, corpus.n_rows_out, len(corpus.samples)) == (30, 30, 60)
    assert corpus.options == {
        "seed": 7,
        "n_pairs": 30,
        "difficulty": "both",
        "templates": "train",
        "group_by": "template",
        "remarks": "none",
    }


def test_remarks_claim_the_label_or_the_same_for_both_twins() -> None:
    bare = load_corpus("synthetic", n_pairs=30)
    aligned, drawn = (load_corpus("synthetic", n_pairs=30, remarks=remarks) for remarks in ("aligned", "random"))

    for sample, plain in zip(aligned.samples, bare.samples, strict=True):
        assert read_remark(sample.code) == sample.label
        assert sample.code.partition("\n")[2] == plain.code
        assert read_remark(plain.code) is None
    assert {read_remark(pair.vulnerable.code) for pair in drawn.pairs} == {"vulnerable", "fixed"}
    for pair in (*aligned.pairs, *drawn.pairs):
        both = zip(pair.vulnerable.code.split("\n"), pair.fixed.code.split("\n"), strict=True)
        differing = [number for number, (one, two) in enumerate(both, 1) if one != two and number > 1]
        assert list(pair.fixed.changed_lines) == differing
    for pair in drawn.pairs:
        assert read_remark(pair.vulnerable.code) == read_remark(pair.fixed.code)


def test_groups_are_pairs_by_default() -> None:
    corpus = load_corpus("synthetic", n_pairs=60)

    assert len(set(corpus.groups.values())) == 60
    for pair in corpus.pairs:
        assert corpus.groups[pair.vulnerable.id] == corpus.groups[pair.fixed.id]


def test_groups_are_templates_on_request() -> None:
    corpus = load_corpus("synthetic", n_pairs=2 * len(TEMPLATES), difficulty="both", group_by="template")

    assert set(corpus.groups.values()) == {f"template:{name}" for name in TEMPLATES}


@pytest.mark.parametrize(("templates", "expected"), [("train", training_templates()), ("held-out", HELD_OUT)])
def test_templates_can_be_kept_apart(templates: str, expected: tuple[str, ...]) -> None:
    corpus = load_corpus("synthetic", n_pairs=100, difficulty="both", templates=templates)

    assert {sample.origin.project for sample in corpus.samples} == set(expected)


def test_a_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'synthetic' is generated and reads no data; leave out the data folder"):
        load_corpus("synthetic", tmp_path)


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(InputError, match="'pair' or 'template'"):
        load_corpus("synthetic", group_by="cwe")


def test_no_pairs_are_refused() -> None:
    with pytest.raises(InputError, match="'synthetic' is empty"):
        load_corpus("synthetic", n_pairs=0)
