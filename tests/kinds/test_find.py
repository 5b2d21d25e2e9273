from __future__ import annotations

import pytest

from vulnscope.errors import InputError
from vulnscope.kinds.find import find_kind


def test_every_kind_of_run_can_be_shown() -> None:
    for name in ("audit", "compare", "import", "rescore", "probe", "patch", "steer"):
        assert find_kind(name).record_type.model_fields
    with pytest.raises(InputError, match="runs of kind 'dream' cannot be shown"):
        find_kind("dream")
