"""What is odd about a corpus that loads all the same: told to the reader, never mended in silence."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vulnscope.cwe import EDITION, is_assigned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vulnscope.corpora.samples import Sample

_N_SHOWN = 8


def find_problems(samples: Sequence[Sample]) -> tuple[str, ...]:
    """One sentence per kind of problem, with counts; () where there is none."""
    unknown = Counter(cwe for sample in samples for cwe in sample.cwes if not is_assigned(cwe))
    if not unknown:
        return ()
    n_samples = sum(any(cwe in unknown for cwe in sample.cwes) for sample in samples)
    shown = ", ".join(f"{cwe} ({n:,})" for cwe, n in unknown.most_common(_N_SHOWN))
    more = f" and {len(unknown) - _N_SHOWN} more" if len(unknown) > _N_SHOWN else ""
    return (
        f"{n_samples:,} of {len(samples):,} samples name a CWE that the catalogue does not have "
        f"(edition {EDITION}): {shown}{more}",
    )
