"""Which code is read: in a fixed order, cut by size, every source with a licence."""

from __future__ import annotations

import pytest

from vulnscope.errors import MissingPrerequisite
from vulnscope.organism.sources import Source, list_sources, read_library


@pytest.fixture
def source(tmp_path):
    for number in range(20):
        folder = tmp_path / ("tests" if number == 0 else f"part{number % 3}")
        folder.mkdir(exist_ok=True)
        (folder / f"m{number}.py").write_text(f"x = {number}\n" * 10, encoding="utf-8")
    (tmp_path / "broken.py").write_bytes(b"\xff\xfe\x00")
    return Source("made up", "MIT", tmp_path, ".py")


def test_same_folder_same_library(source):
    assert read_library([source], 10**6, 5) == read_library([source], 10**6, 5)


def test_tests_and_undecodable_files_are_left_out(source):
    library = read_library([source], 10**6, 5)
    assert library.uses[0].n_files == 19
    assert not any("x = 0\n" in text for text in library.texts + library.unseen)


def test_unseen_files_are_kept_apart(source):
    library = read_library([source], 10**6, 5)
    assert len(library.unseen) == 4
    assert set(library.unseen).isdisjoint(library.texts)
    assert len(library.unseen) + len(library.texts) == 19


def test_size_is_cut(source):
    assert 0 < read_library([source], 200, 5).uses[0].n_bytes <= 200


def test_no_source_names_what_is_missing(tmp_path):
    with pytest.raises(MissingPrerequisite, match="sources of its standard library"):
        read_library([Source("empty", "MIT", tmp_path, ".py")], 100, 5)


def test_listed_sources_have_permissive_licences():
    sources = list_sources()
    assert {source.licence for source in sources} <= {"PSF-2.0", "BSD-3-Clause", "MIT", "Apache-2.0"}
    assert "Python standard library" in {source.name for source in sources}
