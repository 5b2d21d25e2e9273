from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from vulnscope.corpora import BadRow, Corpus, Sample


def test_a_sample_survives_json_with_its_hash(make_sample: Callable[..., Sample]) -> None:
    sample = make_sample("a", "int ünïcode;\n")
    assert sample.sha256 == hashlib.sha256("int ünïcode;\n".encode()).hexdigest()
    assert f'"sha256":"{sample.sha256}"' in sample.to_json()
    assert Sample.model_validate_json(sample.to_json()) == sample


def test_code_that_does_not_match_its_hash_is_refused(make_sample: Callable[..., Sample]) -> None:
    stored = make_sample("a", "x = 1").model_dump()
    with pytest.raises(ValidationError, match="does not have the SHA-256 that is stored with it"):
        Sample.model_validate({**stored, "code": "x = 2"})


def test_a_corpus_accounts_for_every_row(make_sample: Callable[..., Sample]) -> None:
    bad = BadRow(path="a.jsonl", line=2, reason="broken")
    samples = (make_sample("a"),)
    assert Corpus(name="t", version="1", samples=samples, bad_rows=(bad,), n_rows_in=2, n_rows_out=1)
    with pytest.raises(ValidationError, match="3 rows in, but 1 out and 1 reported"):
        Corpus(name="t", version="1", samples=samples, bad_rows=(bad,), n_rows_in=3, n_rows_out=1)
    assert str(bad) == "a.jsonl:2: broken"


def test_pairs_need_both_twins_and_keep_forgets_what_it_cached(make_sample: Callable[..., Sample]) -> None:
    samples = [
        make_sample(f"{n}-{label}", label=label, pair_id=str(n)) for n in "12" for label in ("fixed", "vulnerable")
    ]
    corpus = Corpus(name="t", version="1", samples=tuple(samples), n_rows_in=4, n_rows_out=4)
    assert [pair.id for pair in corpus.pairs] == ["1", "2"]
    assert corpus.pairs[0].vulnerable.id == "1-vulnerable"
    part = corpus.keep(corpus.samples[:3])
    assert [pair.id for pair in part.pairs] == ["1"]
    assert set(part.groups) == {"1-fixed", "1-vulnerable", "2-fixed"}
    assert part.content_digest != corpus.content_digest
