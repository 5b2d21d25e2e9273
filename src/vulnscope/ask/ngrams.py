"""Character n-grams as TF-IDF features, hashed without a vocabulary.

Equal to scikit-learn's `HashingVectorizer(analyzer="char", ngram_range=(3, 5))` but for the hash function and for
reading bytes: an n-gram of at most five bytes is one machine integer, so a text is counted in a few array operations,
about ten times faster than by Python strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SIZES = (3, 4, 5)
_N_BITS = 18
# Fibonacci hashing: the odd integer next to 2^64 over the golden ratio spreads the keys over the upper bits.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def count_ngrams(texts: Sequence[str]) -> csr_matrix:
    """Counts of n-grams per text, hashed into 2^18 columns."""
    from scipy.sparse import csr_matrix

    columns: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    ends = [0]
    for text in texts:
        found, times = np.unique(_hash(text), return_counts=True)
        columns.append(found)
        counts.append(times.astype(np.float32))
        ends.append(ends[-1] + len(found))
    parts = (np.concatenate(counts), np.concatenate(columns), np.array(ends))
    return csr_matrix(parts, shape=(len(texts), 1 << _N_BITS))


def _hash(text: str) -> np.ndarray:
    """The column of every n-gram in `text`."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.uint64)
    columns = []
    for size in SIZES:
        n = max(0, len(data) - size + 1)
        keys = np.full(n, size, dtype=np.uint64) << np.uint64(56)
        for place in range(size):
            keys |= data[place : place + n] << np.uint64(8 * place)
        columns.append((keys * _MULTIPLIER) >> np.uint64(64 - _N_BITS))
    return np.concatenate(columns).astype(np.int32)
