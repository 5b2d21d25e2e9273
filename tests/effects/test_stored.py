"""What is applied: vectors by name or pattern with an edit beside them, its words and its sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.interventions.steering import SITE, make_intervention, make_vectors

from vulnscope.effects.stored import choose_vectors, read_source
from vulnscope.errors import InputError
from vulnscope.interventions import EditSpec, save_intervention, save_vectors
from vulnscope.interventions.vectors import Vectors
from vulnscope.models import as_selector
from vulnscope.steer.config import ApplyConfig

PATH = Path("v.safetensors")
VECTORS = make_vectors()


def spec(**changes: Any) -> EditSpec:
    return EditSpec(**{"site": SITE, "vectors": ("first",), **changes})


def without_unit() -> Vectors:
    places = {name: place.model_copy(update={"unit": None}) for name, place in VECTORS.origin.sites.items()}
    return Vectors(VECTORS.values, VECTORS.origin.model_copy(update={"sites": places}))


def many(n: int) -> Vectors:
    names = [f"v{number}" for number in range(n)]
    place = VECTORS.origin.sites["first"]
    origin = VECTORS.origin.model_copy(update={"sites": dict.fromkeys(names, place)})
    return Vectors(dict.fromkeys(names, VECTORS["first"]), origin)


def test_vectors_are_named_or_matched_each_once() -> None:
    assert choose_vectors(VECTORS, ("second", "f*", "*"), PATH) == ("second", "first")
    assert choose_vectors(many(1), (), PATH) == ("v0",)


def test_a_vector_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(InputError, match=r"^v\.safetensors holds no vector 'third'; it holds: first; second$"):
        choose_vectors(VECTORS, ("third",), PATH)
    with pytest.raises(InputError, match=r"holds 2 vectors; name some with --vector, \* stands for anything: first"):
        choose_vectors(VECTORS, (), PATH)
    with pytest.raises(InputError, match=r"holds 14 vectors.*; v11; and 2 more$"):
        choose_vectors(many(14), (), PATH)
    with pytest.raises(InputError, match=r"holds 12 vectors.*; v10; v11$"):
        choose_vectors(many(12), (), PATH)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "v.safetensors"
    save_vectors(path, VECTORS)
    return str(path)


def test_a_vector_of_a_file_is_added_where_it_was_read(file: str) -> None:
    intervention, vectors = read_source(ApplyConfig(source=file, vectors=("first",), scale=-0.5))
    assert intervention.name == "first"
    assert intervention.edits == (spec(scale=-0.5),)
    assert intervention.vectors_digest == vectors.digest() == VECTORS.digest()
    two, _ = read_source(
        ApplyConfig(source=file, vectors=("*",), scale=2.0, unit="raw", selector="all", keep_norm=True)
    )
    assert two.name == "2 vectors"
    assert two.edits == tuple(
        spec(vectors=(name,), scale=2.0, unit="raw", selector=as_selector("all"), keep_norm=True)
        for name in ("first", "second")
    )


def test_operations_count_in_what_they_can(file: str, tmp_path: Path) -> None:
    def edit(source: str, **given: Any) -> EditSpec:
        return read_source(ApplyConfig(source=source, vectors=("first",), **given)).intervention.edits[0]

    assert edit(file, operation="clamp", scale=1.0, unit="norm").unit == "norm"
    assert edit(file, operation="scale-component", scale=3.0).unit == "raw"
    projected = edit(file, operation="project-out")
    assert (projected.scale, projected.unit) == (1.0, "raw")
    bare = tmp_path / "bare.safetensors"
    save_vectors(bare, without_unit())
    assert edit(str(bare), scale=3.0).unit == "raw"
    for source, operation in ((str(bare), "add"), (file, "scale-component")):
        message = f"{operation} of vector 'first' cannot count in norm units; write --unit raw"
        with pytest.raises(InputError, match=message):
            edit(source, operation=operation, scale=3.0, unit="norm")


def test_how_far_must_be_said_and_is_not_nothing(file: str) -> None:
    with pytest.raises(InputError, match="say how far with --scale: add needs one"):
        read_source(ApplyConfig(source=file, vectors=("first",)))
    with pytest.raises(InputError, match="say how far with --scale: clamp needs one"):
        read_source(ApplyConfig(source=file, vectors=("first",), operation="clamp"))
    with pytest.raises(InputError, match="scale 0 changes nothing"):
        read_source(ApplyConfig(source=file, vectors=("first",), scale=0.0))


def test_a_stored_intervention_is_taken_as_it_is(tmp_path: Path) -> None:
    stored = make_intervention(VECTORS, spec(scale=2.0))
    save_intervention(tmp_path / "runs" / "best", stored, VECTORS)
    folder = str(tmp_path / "runs" / "best")
    assert read_source(ApplyConfig(source=folder)).intervention == stored
    for given in ({"vectors": ("first",)}, {"scale": 1.0}, {"operation": "add"}, {"unit": "raw"}, {"selector": "all"}):
        with pytest.raises(InputError, match="is a stored intervention: where and how far it edits is fixed"):
            read_source(ApplyConfig(source=folder, **given))
    with pytest.raises(InputError, match="is a stored intervention"):
        read_source(ApplyConfig(source=folder, keep_norm=True))


def test_a_folder_without_an_intervention_names_those_below(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no intervention: it has no intervention\.json$"):
        read_source(ApplyConfig(source=str(tmp_path)))
    for name in ("b", "a"):
        save_intervention(tmp_path / "runs" / name, make_intervention(VECTORS, spec(scale=2.0)), VECTORS)
    with pytest.raises(InputError, match=r"it has no intervention\.json\. Below it are: runs/a, runs/b$"):
        read_source(ApplyConfig(source=str(tmp_path)))
