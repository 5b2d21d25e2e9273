from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vulnscope.corpora import default_data_dir, load_corpus
from vulnscope.errors import InputError


def test_default_data_dir(tmp_path: Path) -> None:
    (tmp_path / "sven").mkdir()
    environ = {"VULNSCOPE_DATA": str(tmp_path)}
    assert default_data_dir("sven", environ) == tmp_path / "sven"
    assert default_data_dir("secllmholmes", environ) is None
    assert default_data_dir("sven", {}) is None
    assert default_data_dir("sven", {"VULNSCOPE_DATA": ""}) is None


def test_options_as_text_are_taken_for_the_declared_type() -> None:
    assert len(load_corpus("synthetic", n_pairs="3").samples) == 6


def test_options_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match=r"corpus 'synthetic', option n_pairs='many': Input should be a valid integer"):
        load_corpus("synthetic", n_pairs="many")
    with pytest.raises(InputError, match=r"corpus 'sven' has no option 'seed'; it has no options"):
        load_corpus("sven", seed=1)


def test_a_folder_may_be_given_as_text(corpora_dir: Path) -> None:
    assert load_corpus("sven", str(corpora_dir / "sven")).name == "sven"


def test_corpora_load_without_heavy_libraries(corpora_dir: Path) -> None:
    program = (
        "import sys; from vulnscope.corpora import load_corpus; "
        "from vulnscope.corpora.check.stats import count_corpus; "
        f"count_corpus(load_corpus('sven', {str(corpora_dir / 'sven')!r})); load_corpus('synthetic', n_pairs=2); "
        "heavy = {'torch', 'transformers', 'pandas', 'pyarrow', 'sklearn', 'scipy'} & set(sys.modules); "
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_variants_of_every_sample() -> None:
    corpus = load_corpus("synthetic", n_pairs=2, transform="rename, comments+whitespace", transform_seed="3")
    kinds = [sample.augmentation.kind for sample in corpus.samples if sample.augmentation]
    assert kinds == 4 * ["rename"] + 4 * ["comments+whitespace"]
    assert corpus.options["transform_seed"] == 3
    with pytest.raises(InputError, match="unknown transformation 'shuffle'"):
        load_corpus("synthetic", n_pairs=2, transform="rename+shuffle")
    with pytest.raises(InputError, match=r"option transform_seed='x': Input should be a valid integer"):
        load_corpus("synthetic", n_pairs=2, transform="rename", transform_seed="x")
