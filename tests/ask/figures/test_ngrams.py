from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from vulnscope.ask.figures.ngrams import count_ngrams


@given(st.text(max_size=40))
def test_every_n_gram_of_the_bytes_is_counted(text: str) -> None:
    data = text.encode()
    grams = Counter(data[at : at + size] for size in (3, 4, 5) for at in range(len(data) - size + 1))
    counts = count_ngrams([text])
    assert counts.sum() == grams.total()
    # Collisions among so few n-grams in so many columns are rare but allowed.
    assert len(grams) - 1 <= counts.nnz <= len(grams)


def test_counts_give_the_similarities_of_scikit_learn() -> None:
    texts = ["if (len > size) return;", "if (len >= size) return;", "strcpy(a, b);", "a"]
    theirs = HashingVectorizer(
        analyzer="char", ngram_range=(3, 5), n_features=2**18, alternate_sign=False, norm=None, lowercase=False
    ).fit_transform(texts)
    ours = count_ngrams(texts)
    assert (ours @ ours.T).toarray() == pytest.approx((theirs @ theirs.T).toarray())


def test_short_and_empty_texts_have_no_n_grams() -> None:
    assert count_ngrams(["", "ab", "abc"]).sum(axis=1).ravel().tolist() == [[0, 0, 1]]
    assert np.issubdtype(count_ngrams(["abc"]).dtype, np.floating)
