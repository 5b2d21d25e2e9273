"""Small corpora, rows and subjects made in code, shared by the tests of ask and audit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.models.zoo import tiny_model, tiny_tokenizer

from vulnscope.ask.figures.slices import JudgedSample
from vulnscope.corpora import Corpus, Sample
from vulnscope.models import Subject, wrap_model
from vulnscope.records.base import Record
from vulnscope.records.rows import QuestionAnswer, Says, VerdictRow
from vulnscope.store import Run, open_run


def make_sample(number: int, label: str, **fields: Any) -> Sample:
    """Half of pair `number`; the twins differ in one word."""
    word = "strcpy" if label == "vulnerable" else "strncpy"
    values = {
        "id": f"{number:03d}-{label}",
        "corpus": "made",
        "language": "c",
        "cwes": ("CWE-787",),
        "label": label,
        "code": f"void f{number}(void) {{\n  {word}(a, b);\n}}\n",
        "pair_id": f"p{number:03d}",
        "licence": "Apache-2.0",
    }
    return Sample(**{**values, **fields})


def make_pairs(n_pairs: int, **fields: Any) -> list[Sample]:
    """Twins side by side, vulnerable first."""
    return [make_sample(number, label, **fields) for number in range(n_pairs) for label in ("vulnerable", "fixed")]


def make_corpus(samples: Iterable[Sample], name: str = "made", **fields: Any) -> Corpus:
    kept = tuple(samples)
    return Corpus(name=name, version="1", samples=kept, n_rows_in=len(kept), n_rows_out=len(kept), **fields)


def make_row(sample: Sample, margin: float, says: Says | None = None, **fields: Any) -> VerdictRow:
    reading = QuestionAnswer(
        prompt="direct", polarity="vulnerable", log_odds=margin, label_mass=0.5, answer="yes", top_token="Yes"
    )
    values = {
        "sample": sample.id,
        "protocol": "yes-no",
        "readings": (reading,),
        "margin": margin,
        "acquiescence": 1.0,
        "mean_margin": margin,
        "says": says or ("vulnerable" if margin > 0 else "fixed"),
        "n_prompt_tokens": 10,
    }
    return VerdictRow(**{**values, **fields})


def make_items(
    samples: Sequence[Sample], margins: Sequence[float], says: Sequence[Says] | None = None
) -> list[JudgedSample]:
    """One group per pair."""
    answers: Sequence[Says | None] = says or [None] * len(samples)
    return [
        JudgedSample(sample, make_row(sample, margin, answer), sample.pair_id or sample.id, place)
        for place, (sample, margin, answer) in enumerate(zip(samples, margins, answers, strict=True))
    ]


@lru_cache(maxsize=2)
def tiny_subject(max_positions: int = 1024) -> Subject:
    """A random model that reads characters."""
    model = tiny_model("qwen2", max_position_embeddings=max_positions)
    return wrap_model(model, tiny_tokenizer(), name="tiny")


def begin_run(root: Path, config: Record, **options: Any) -> Run:
    return open_run(
        root,
        "audit",
        config,
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
        versions={"vulnscope": "0"},
        code="x",
        **options,
    )
