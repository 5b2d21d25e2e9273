"""What code shows without any model: length and n-grams, as features for the same read-outs on the same folds.

N-gram counts are weighted by TF-IDF over all items, labels unused, and reduced without loss to as many columns as
there are items. Every baseline then gets the same choice of method and penalty as a probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer

from vulnscope.ask.figures.ngrams import count_ngrams, count_token_ngrams
from vulnscope.probe.nested import Feature
from vulnscope.prompts.tokens import quote, tokenise
from vulnscope.stats.threads import blas_threads

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from transformers import PreTrainedTokenizerBase

LENGTH, BAG, CHARACTERS, TOKENS = "length", "bag of tokens", "character 2-5-grams", "token 1-3-grams"
EMBEDDING = "embedding layer"
SURFACE = (LENGTH, BAG, CHARACTERS, TOKENS)


def build_surface(codes: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> tuple[Feature, ...]:
    """The surface features of `codes`, in the order of `SURFACE`."""
    tokens = [each.ids for each in tokenise(list(map(quote, codes)), tokenizer, add_special_tokens=False)]
    sizes = np.array(
        [
            (len(code), code.count("\n") + 1, len(ids), len(code.strip()))
            for code, ids in zip(codes, tokens, strict=True)
        ],
        dtype=np.float32,
    )
    return (
        Feature(LENGTH, np.log1p(sizes)),
        Feature(BAG, reduce_counts(count_token_ngrams(tokens, (1,))), is_standardised=False),
        Feature(CHARACTERS, reduce_counts(count_ngrams(codes, (2, 3, 4, 5))), is_standardised=False),
        Feature(TOKENS, reduce_counts(count_token_ngrams(tokens, (1, 2, 3))), is_standardised=False),
    )


def reduce_counts(counts: csr_matrix) -> np.ndarray:
    """TF-IDF rows (logarithmic counts, length 1) in at most n columns with the same inner products."""
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    with blas_threads(weighted.shape[0]):
        values, vectors = np.linalg.eigh((weighted @ weighted.T).toarray().astype(np.float64))
    kept = values > 1e-9 * max(float(values[-1]), 1e-300)
    reduced: np.ndarray = (vectors[:, kept] * np.sqrt(values[kept])).astype(np.float32)
    return reduced
