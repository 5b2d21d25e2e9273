"""No surface rule can tell bound twins apart: length, bag of tokens, word 1-3-grams, character 1-5-grams.

Each detector is a logistic regression on n-gram counts, trained on 3,000 pairs of one template and judged by pair-rank
on 2,000 unseen ones, of which the standard error is 0.011, so that 0.05 from chance is no accident in some hundred
figures. It is fitted twice: on single samples, as the audit's baselines are, and on the differences of twins, which is
the strongest linear rule for ranking pairs. A naive twin shows that the detectors can detect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from vulnscope.corpora.synthetic import EVALUATION_SEED, Template, generate_pair, load_templates
from vulnscope.corpora.synthetic.plain import PlainTemplate

TEMPLATES = load_templates()
TOKEN = re.compile(r"\w+|[^\w\s]")
BOUND = [name for name, template in TEMPLATES.items() if template.difficulty == "bound"]
N_BUCKETS_LOG2 = 20
NAIVE = PlainTemplate(
    id="naive-order",
    cwe="CWE-416",
    language="c",
    text="""
void $function(char *$pointer, char *$pointer2)
{
    <noise>
-    free($pointer); puts($pointer);
+    puts($pointer); free($pointer);
    <noise>
}
""",
)

# lbfgs may stop before it is fully converged; the ranks below do not change with more iterations.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    # Several threads gain nothing on these sizes and wait for each other on a busy machine.
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Grams:
    """Counts of the runs of 1 to `longest` tokens or characters."""

    of: str
    longest: int

    def count(self, codes: Sequence[str]) -> Any:
        """Sparse matrix, one row per code; runs are hashed into 2^20 columns."""
        rows = _characters(codes) if self.of == "characters" else _tokens(codes)
        units = np.concatenate(rows)
        owner = np.repeat(np.arange(len(rows), dtype=np.int32), [len(row) for row in rows])
        hashes = np.zeros(len(units), dtype=np.uint64)
        columns, owners = [], []
        for length in range(1, self.longest + 1):
            starts = len(units) - length + 1
            hashes = hashes[:starts] * np.uint64(0x100000001B3) + units[length - 1 :]
            inside = owner[:starts] == owner[length - 1 :]
            mixed = hashes[inside] * np.uint64(0x9E3779B97F4A7C15)
            columns.append((mixed >> np.uint64(64 - N_BUCKETS_LOG2)).astype(np.int32))
            owners.append(owner[:starts][inside])
        column, row = np.concatenate(columns), np.concatenate(owners)
        ones = np.ones(len(column), dtype=np.float32)
        counts = sparse.csr_matrix((ones, (row, column)), shape=(len(rows), 1 << N_BUCKETS_LOG2))
        return counts[:, np.unique(counts.indices)]


def _characters(codes: Sequence[str]) -> list[Any]:
    return [np.frombuffer(code.encode(), dtype=np.uint8).astype(np.uint64) + 1 for code in codes]


def _tokens(codes: Sequence[str]) -> list[Any]:
    numbers: dict[str, int] = {}
    return [
        np.array([numbers.setdefault(token, len(numbers) + 1) for token in TOKEN.findall(code)], dtype=np.uint64)
        for code in codes
    ]


DETECTORS = {
    "bag of tokens": Grams("tokens", 1),
    "word 1-3-grams": Grams("tokens", 3),
    "character 1-5-grams": Grams("characters", 5),
}


def pair_rank(scores: Any) -> float:
    """Share of pairs whose vulnerable twin, the first of each two scores, has the higher one; ties count half."""
    gaps = np.round(scores[0::2] - scores[1::2], 9)
    return float(np.mean(gaps > 0) + np.mean(gaps == 0) / 2)


def rank_by_samples(counts: Any, n_train: int) -> float:
    """Pair-rank of unseen pairs under a regression from samples to labels."""
    labels = np.tile([1, 0], n_train)
    model = LogisticRegression(max_iter=60).fit(counts[: 2 * n_train], labels)
    return pair_rank(model.decision_function(counts[2 * n_train :]))


def rank_by_differences(counts: Any, n_train: int) -> float:
    """Pair-rank of unseen pairs under a regression from the difference of twins to which of them comes first."""
    gaps = counts[0::2] - counts[1::2]
    signs = np.where(np.arange(n_train) % 2 == 0, 1.0, -1.0)
    model = LogisticRegression(fit_intercept=False, max_iter=200)
    model.fit(sparse.diags(signs) @ gaps[:n_train], signs)
    scores = np.zeros(2 * (gaps.shape[0] - n_train))
    scores[0::2] = model.decision_function(gaps[n_train:])
    return pair_rank(scores)


def measure(template: Template, n_train: int, n_test: int) -> dict[str, float]:
    """Pair-rank of every detector on pairs of an unseen seed."""
    seeds = [(0, index) for index in range(n_train)] + [(EVALUATION_SEED, index) for index in range(n_test)]
    codes = [sample.code for seed, index in seeds for sample in generate_pair(template, seed, index)]
    ranks = {"length": pair_rank(np.array([float(len(code)) for code in codes[2 * n_train :]]))}
    for name, detector in DETECTORS.items():
        counts = detector.count(codes)
        ranks[f"{name}, samples"] = rank_by_samples(counts, n_train)
        ranks[f"{name}, differences"] = rank_by_differences(counts, n_train)
    return ranks


@pytest.mark.slow
@pytest.mark.parametrize("template_id", BOUND)
def test_surface_rules_are_at_chance(template_id: str) -> None:
    ranks = measure(TEMPLATES[template_id], n_train=3000, n_test=2000)

    assert {name: rank for name, rank in ranks.items() if not 0.45 <= rank <= 0.55} == {}


@pytest.mark.parametrize("template_id", ["py-sql-bound-quote", "c-free-bound-text", "c-secret-bound-environment"])
def test_surface_rules_are_far_from_sure_on_few_pairs(template_id: str) -> None:
    ranks = measure(TEMPLATES[template_id], n_train=200, n_test=200)

    assert ranks["length"] == 0.5
    assert ranks["bag of tokens, samples"] == ranks["bag of tokens, differences"] == 0.5
    assert max(abs(rank - 0.5) for rank in ranks.values()) < 0.12


def test_a_naive_twin_is_detected() -> None:
    ranks = measure(NAIVE, n_train=200, n_test=200)

    assert ranks["length"] == ranks["bag of tokens, samples"] == 0.5
    for fit in ("samples", "differences"):
        assert ranks[f"word 1-3-grams, {fit}"] > 0.95
        assert ranks[f"character 1-5-grams, {fit}"] > 0.95


def test_a_fix_of_other_tokens_is_detected() -> None:
    ranks = measure(TEMPLATES["py-sql-plain-parameter"], n_train=200, n_test=200)

    assert ranks.pop("length") == 1.0
    assert min(ranks.values()) > 0.95
