"""How many threads linear algebra takes: one where a matrix is too small to share.

Two threads of OpenBLAS wait for one another actively. On small matrices that wins nothing, and beside any other busy
process each eigendecomposition takes several times as long.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np  # noqa: F401  # loads the library whose threads are counted, as does scipy
import scipy.linalg  # noqa: F401
from threadpoolctl import ThreadpoolController

SMALL_ORDER = 500
"""Order of an eigendecomposition below which a second thread saves nothing (above: a quarter at 700, 0.4 at 1,500)."""


def blas_threads(order: int) -> AbstractContextManager[object]:
    """Within: one thread for matrices whose smaller side is `order` where that is small, else as many as there are."""
    return _controller().limit(limits=1, user_api="blas") if order < SMALL_ORDER else nullcontext()


@cache
def _controller() -> ThreadpoolController:
    """Made once, after the libraries that it steers are loaded."""
    return ThreadpoolController()
