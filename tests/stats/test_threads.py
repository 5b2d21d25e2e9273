from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from vulnscope.stats.threads import SMALL_ORDER, blas_threads


def count_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_small_matrices_take_one_thread_and_large_ones_all() -> None:
    with threadpool_limits(2, "blas"):
        with blas_threads(SMALL_ORDER - 1):
            assert count_threads() == {1}
        assert count_threads() == {2}
        with blas_threads(SMALL_ORDER):
            assert count_threads() == {2}
