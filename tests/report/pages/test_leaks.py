from __future__ import annotations

import io

import pytest
from rich.console import Console

from vulnscope.corpora import Corpus, Sample
from vulnscope.corpora.check.leaks import count_label_words, find_leaks
from vulnscope.corpora.check.stats import count_corpus
from vulnscope.corpora.tables.assembly import Row, assemble
from vulnscope.records.base import Estimate, not_measured
from vulnscope.records.leaks import LeakRecord, SurfaceRule
from vulnscope.report.pages.leaks import card as describe_card
from vulnscope.report.pages.leaks import page
from vulnscope.report.write_markdown import write_markdown
from vulnscope.report.write_terminal import write_terminal

CODE = "int add(int a, int b) { return bad + a | b; }\n"


@pytest.fixture
def corpus() -> Corpus:
    hostile = {"id": "x\x1b[31m|<b>", "corpus": "t", "language": "c", "label": "fixed", "code": CODE, "split": "val"}
    other = {**hostile, "id": "y", "label": "vulnerable", "split": "train", "notes": ("odd | *note*",)}
    return assemble("t", [Row(row["id"], None, (Sample(**row),)) for row in (other, hostile)], skip_bad=False)


@pytest.fixture
def record(corpus: Corpus) -> LeakRecord:
    within, overlaps = find_leaks(corpus)
    measured = Estimate(value=0.75, low=0.5, high=0.875, method="bca", n=2, n_groups=2)
    rules = (
        SurfaceRule(name="length", trained_on=None, auroc=measured, pair_rank=not_measured("no pairs")),
        SurfaceRule(name="words", trained_on="itself", auroc=measured, pair_rank=measured),
    )
    return LeakRecord(
        corpus=corpus.name,
        version=corpus.version,
        content_digest=corpus.content_digest,
        n_samples=2,
        n_pairs=0,
        n_groups=1,
        splits={"train": 1, "val": 1},
        within=within,
        overlaps=overlaps,
        label_words=count_label_words(corpus.samples),
        surface=rules,
        seed=0,
        findings=("1 of 1 samples of 'val' have a near-duplicate in 'train' (1 a copy)",),
    )


def show(record: LeakRecord, width: int = 100) -> str:
    file = io.StringIO()
    write_terminal(page(record), Console(file=file, width=width))
    return file.getvalue()


def test_findings_come_first_then_figures(record: LeakRecord) -> None:
    text = show(record)
    lines = text.splitlines()
    assert lines[0] == "t: 2 samples, 0 pairs, 1 groups"
    assert lines[1].startswith("- 1 of 1 samples of 'val'")
    assert "0.75 [0.50, 0.88]" in text
    assert "n/a: no pairs" in text
    assert "bad " in text
    assert "\x1b" not in text


def test_a_clean_corpus_says_so(record: LeakRecord) -> None:
    assert "nothing found that gives the labels away" in show(record.model_copy(update={"findings": ()}))


def test_fits_a_narrow_terminal(record: LeakRecord) -> None:
    assert all(len(line) <= 60 for line in show(record, 60).splitlines())


def test_the_card_is_markdown_with_the_corpus_escaped(record: LeakRecord, corpus: Corpus) -> None:
    card = write_markdown(describe_card(count_corpus(corpus), record))
    assert card.startswith("# t\n\n- **samples**: 2\n")
    assert "- 1 of 1 samples of 'val' have a near-duplicate" in card
    assert "| train | val | 1 | 1 | 1 | none |" in card
    assert "| length | 0.75 \\[0.50, 0.88\\] | n/a | nothing |" in card
    assert "| odd \\| \\*note\\* | 1 |" in card
    assert "\x1b" not in card
