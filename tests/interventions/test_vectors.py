"""Vector files: bytes and origin survive, and what is foreign, damaged or empty is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.interventions.steering import make_vectors
from tests.models.subjects import tiny_subject

from vulnscope.errors import CorruptData, InputError
from vulnscope.interventions import VectorOrigin, Vectors, VectorSite, load_vectors, save_vectors


def test_a_file_gives_back_numbers_origin_and_digest(tmp_path: Path) -> None:
    vectors = make_vectors()
    save_vectors(tmp_path / "v.safetensors", vectors)
    found = load_vectors(tmp_path / "v.safetensors")
    assert found.origin == vectors.origin
    assert all(torch.equal(found[name], vectors[name]) for name in ("first", "second"))
    assert found.digest() == vectors.digest()
    assert [path.name for path in tmp_path.iterdir()] == ["v.safetensors"]


def test_the_digest_covers_numbers_and_origin() -> None:
    vectors = make_vectors()
    moved = Vectors({**vectors.values, "first": vectors["first"] * 1.0001}, vectors.origin)
    renamed = Vectors(vectors.values, vectors.origin.model_copy(update={"method": "other"}))
    assert len({vectors.digest(), moved.digest(), renamed.digest()}) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no vectors given"),
        ({"first": torch.ones(32)}, "do not name the same: second"),
        ({"first": torch.ones(32), "second": torch.ones(8)}, "one axis of the same width"),
        ({"first": torch.ones(32), "second": torch.zeros(32)}, "vector 'second' has norm 0"),
        ({"first": torch.full((32,), torch.nan), "second": torch.ones(32)}, "vector 'first' holds NaN"),
    ],
)
def test_unfit_vectors_are_refused(values: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vectors(values, make_vectors().origin)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match="no vector 'third'; there are: first, second"):
        make_vectors()["third"]


def test_vectors_of_another_subject_are_refused_unless_forced() -> None:
    subject, vectors = tiny_subject(), make_vectors()
    vectors.check_subject(subject)
    foreign = Vectors(vectors.values, vectors.origin.model_copy(update={"subject_digest": "0" * 16}))
    with pytest.raises(InputError, match="directions of another model mean nothing here"):
        foreign.check_subject(subject)
    foreign.check_subject(subject, is_forced=True)
    narrow = Vectors({"v": torch.ones(8)}, VectorOrigin(
        subject="x", subject_digest="y", method="m", sites={"v": VectorSite(site="1.resid_post")}))  # fmt: skip
    with pytest.raises(InputError, match="have 8 numbers, the sites of qwen2 have 32"):
        narrow.check_subject(subject, is_forced=True)


def test_files_that_are_no_vector_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_vectors(tmp_path / "none.safetensors")
    (tmp_path / "torn").write_bytes(b"12")
    with pytest.raises(CorruptData, match="torn cannot be read"):
        load_vectors(tmp_path / "torn")
    save_file({"v": torch.ones(4)}, tmp_path / "bare")
    with pytest.raises(InputError, match="does not say where its vectors came from"):
        load_vectors(tmp_path / "bare")
    save_file({"v": torch.ones(4)}, tmp_path / "odd", {"vulnscope": "{}"})
    with pytest.raises(CorruptData, match=r"odd: .*subject"):
        load_vectors(tmp_path / "odd")
