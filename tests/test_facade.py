"""What a stub lists is what its package serves."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from vulnscope.facade import read_stub, serve_names

ROOT = Path(__file__).parents[1] / "src"
PACKAGES = [".".join(stub.parent.relative_to(ROOT).parts) for stub in sorted(ROOT.rglob("__init__.pyi"))]


@pytest.mark.parametrize(
    "package",
    ["vulnscope", "vulnscope.corpora", "vulnscope.models", "vulnscope.prompts", "vulnscope.stats", "vulnscope.store"],
)
def test_every_name_of_a_stub_is_served_from_its_home(package: str) -> None:
    room = import_module(package)
    homes = read_stub(str(room.__file__))
    assert homes
    assert set(homes) <= set(room.__all__) == set(dir(room))
    # A module would hide the name once it is imported. The package itself guards its verbs against that.
    modules = {module.name for module in iter_modules(room.__path__)}
    assert package == "vulnscope" or not modules & set(homes)
    for name, home in homes.items():
        assert getattr(room, name) is getattr(import_module(home), name)


def test_a_name_that_is_not_listed_is_no_attribute(tmp_path: Path) -> None:
    (tmp_path / "__init__.pyi").write_text("from pathlib import Path as Path\nfrom os import sep\n")
    get, names, public = serve_names("room", str(tmp_path / "__init__.py"))
    assert names() == public == ["Path"]
    assert get("Path") is Path
    with pytest.raises(AttributeError, match="module 'room' has no attribute 'sep'"):
        get("sep")
