from __future__ import annotations

import pytest

from vulnscope.errors import InputError
from vulnscope.steer.layers import choose_layers


@pytest.mark.parametrize(
    ("asked", "n_layers", "layers"),
    [
        ("final-3", 24, (21, 22, 23)),
        ("thirds", 24, (4, 12, 20)),
        ("thirds", 6, (1, 3, 5)),
        ("thirds", 1, (0,)),
        ("final-3", 2, (0, 1)),
        ("middle", 6, (3,)),
        ("all", 3, (0, 1, 2)),
        ("best", 3, (0, 1, 2)),
        ("[2, 0]", 3, (0, 2)),
        ("1", 3, (1,)),
    ],
)
def test_presets_and_lists(asked: str, n_layers: int, layers: tuple[int, ...]) -> None:
    assert choose_layers(asked, n_layers) == layers


def test_what_is_no_layer_is_named() -> None:
    with pytest.raises(InputError, match="layer 9 does not exist; this subject has layers 0 to 5"):
        choose_layers("1,9", 6)
    with pytest.raises(InputError, match="not layers: 'top'; write one of final-3, thirds"):
        choose_layers("top", 6)
