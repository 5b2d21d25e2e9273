"""A preset is a data file under a registered name: what it holds is checked, and a second one needs no code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vulnscope.errors import InputError
from vulnscope.records.base import digest_text
from vulnscope.records.data_files import read_data_file
from vulnscope.study.presets.recipe import Recipe, read_recipe
from vulnscope.study.presets.reproduction import list_settings

OWN: dict[str, Any] = {
    "name": "mine-2026",
    "corpus": "sven",
    "part": "",
    "cwes": ["CWE-89"],
    "prompts": {"short": "{code}\nIs it safe?"},
    "indexings": [{"name": "right", "what": "last token", "tokens": "last"}],
    "settings": {"layer_sets": ["middle"], "normalised": [True], "scales": [4], "prompts": ["short"]},
}


def test_the_first_preset_is_what_it_always_was() -> None:
    recipe = read_recipe("starcoder-steering-2025")
    indexings = recipe.in_batches(recipe.settings.batch)
    settings = list_settings(recipe.settings, indexings)

    assert recipe.settings.digest() == "0dc185c7a47089a4"
    assert digest_text("\0".join(recipe.prompts.values())) == "c15ec4de2abea858"
    assert digest_text("\0".join(f"{name}: {each.what}" for name, each in indexings.items())) == "39048ba5ece94938"
    assert len(settings) == len(set(settings)) == 2 * (1 + 5 * 3 * 2 * 3)


def test_an_unknown_preset_lists_them() -> None:
    with pytest.raises(InputError, match="unknown preset 'none'; choose one of: starcoder-steering-2025"):
        read_recipe("none")


def test_a_second_preset_is_a_file_and_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(OWN), encoding="utf-8")
    (tmp_path / "my_presets.py").write_text("from pathlib import Path\nMINE = Path(__file__).with_name('mine.yaml')\n")
    described = tmp_path / "my_presets-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: my-presets\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[vulnscope.preset]\nmine-2026 = my_presets:MINE\n")
    monkeypatch.syspath_prepend(tmp_path)

    recipe = read_recipe("mine-2026")

    assert (recipe.name, recipe.corpus, recipe.settings.n_tokens) == ("mine-2026", "sven", 50)
    assert len(list_settings(recipe.settings, recipe.in_batches(4))) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": {}}, "settings.prompts: there is no prompt 'short'"),
        ({"settings": OWN["settings"] | {"batch": 1}}, "settings.batch: .*greater than or equal to 2"),
        (
            {"indexings": [{"name": "old", "what": "all", "tokens": "all", "row": "last"}]},
            "indexings: 'old' does not say which of them does the same in batches of one",
        ),
        ({"scales": [1]}, "scales: Extra inputs"),
    ],
)
def test_a_wrong_recipe_is_named_with_its_key(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(OWN | changes), encoding="utf-8")
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: {message}"):
        read_data_file(path, Recipe, "presets")
