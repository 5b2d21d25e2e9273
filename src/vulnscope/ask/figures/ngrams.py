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
_BYTE_BITS, _TOKEN_BITS = 8, 20
# Where the n-gram's size goes: above five bytes, or above three tokens.
_SIZE_SHIFT = {_BYTE_BITS: 56, _TOKEN_BITS: 60}
# Fibonacci hashing: the odd integer next to 2^64 over the golden ratio spreads the keys over the upper bits.
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def count_ngrams(texts: Sequence[str], sizes: Sequence[int] = SIZES) -> csr_matrix:
    """Counts of character n-grams per text, hashed into 2^18 columns."""
    return _count([_hash(text, sizes) for text in texts])


def count_token_ngrams(texts: Sequence[Sequence[int]], sizes: Sequence[int]) -> csr_matrix:
    """Counts of n-grams of token ids per text, hashed into 2^18 columns; ids below 2^20, n-grams of at most 3."""
    return _count([_hash_values(np.array(text, dtype=np.uint64), sizes, _TOKEN_BITS) for text in texts])


def _count(hashed: Sequence[np.ndarray]) -> csr_matrix:
    from scipy.sparse import csr_matrix

    columns: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    ends = [0]
    for own in hashed:
        found, times = np.unique(own, return_counts=True)
        columns.append(found)
        counts.append(times.astype(np.float32))
        ends.append(ends[-1] + len(found))
    parts = (np.concatenate(counts), np.concatenate(columns), np.array(ends))
    return csr_matrix(parts, shape=(len(hashed), 1 << _N_BITS))


def _hash(text: str, sizes: Sequence[int]) -> np.ndarray:
    """The column of every n-gram in `text`."""
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8).astype(np.uint64)
    return _hash_values(data, sizes, _BYTE_BITS)


def _hash_values(data: np.ndarray, sizes: Sequence[int], n_bits: int) -> np.ndarray:
    """The column of every n-gram of numbers below 2^`n_bits`; all of an n-gram and its size fit into 64 bits."""
    columns = []
    for size in sizes:
        n = max(0, len(data) - size + 1)
        keys = np.full(n, size, dtype=np.uint64) << np.uint64(_SIZE_SHIFT[n_bits])
        for place in range(size):
            keys |= data[place : place + n] << np.uint64(n_bits * place)
        columns.append((keys * _MULTIPLIER) >> np.uint64(64 - _N_BITS))
    return np.concatenate(columns).astype(np.int32)
