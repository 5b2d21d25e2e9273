"""A study says what was planted, and one interrupted in every stage gives the figures of one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vulnscope import store
from vulnscope.corpora import Corpus, load_corpus
from vulnscope.errors import InputError
from vulnscope.models import open_subject
from vulnscope.patch.config import PatchConfig
from vulnscope.probe.config import ProbeConfig
from vulnscope.steer.config import SteerConfig
from vulnscope.study.checks import check_study
from vulnscope.study.config import StudyConfig
from vulnscope.study.kind import STUDY
from vulnscope.study.record import StudyRecord
from vulnscope.study.run import Stage, run_study

CONFIG = StudyConfig(
    n_bootstrap=200,
    changes=("rename",),
    changes_limit=20,
    probe=ProbeConfig(n_folds=3, n_inner=2, n_permutations=39, curve_repeats=1, reinitialise=False, layers=(3, 5)),
    patch=PatchConfig(layers=(3,), max_pairs=6),
    steer=SteerConfig(
        methods=("mean-difference-paired",), layers="4", scales=(-0.5, 0.5), side_effects=False, gate=False
    ),
)
STAGES = ("audit", "changes-rename", "probe", "patch", "steer")


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return load_corpus("synthetic", n_pairs=60, difficulty="bound", templates="train")


def study(folder: Path, corpus: Corpus, resume: Path | None = None, progress: Stage | None = None) -> StudyRecord:
    subject = open_subject("organism:biased")
    with store.open_run(
        folder,
        "study",
        CONFIG,
        subject_digest=subject.digest,
        corpus_digest=corpus.content_digest,
        seed=0,
        device="cpu",
        resume=resume,
    ) as run:
        return run_study(subject, corpus, CONFIG, run, progress=progress)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, corpus: Corpus) -> StudyRecord:
    return study(tmp_path_factory.mktemp("whole"), corpus)


@pytest.mark.slow
def test_the_planted_bias_is_diagnosed(whole: StudyRecord) -> None:
    assert whole.verdict.diagnosis == "knows, says it with a bias", whole.verdict
    assert whole.evidence.yes_rate.value > 0.95
    assert whole.audit.overall.pair_correct.value < 0.05
    assert whole.evidence.threshold_accuracy.value > 0.9


@pytest.mark.slow
def test_the_page_and_the_terminal_show_the_same_sentence(whole: StudyRecord) -> None:
    import io

    from rich.console import Console

    out = io.StringIO()
    STUDY.print(whole, Console(file=out, width=200))
    assert whole.sentence in out.getvalue().replace("\n", "")
    page = STUDY.render(whole)
    assert "Knows, says it with a bias" in page
    assert "<script" not in page
    assert len(page) < 3 * 2**20


@pytest.mark.slow
def test_a_study_interrupted_in_every_stage_ends_with_the_same_figures(
    whole: StudyRecord, corpus: Corpus, tmp_path: Path
) -> None:
    def stop_in(name: str) -> Callable[[str, str, int, int], None]:
        def hear(stage: str, what: str, done: int, total: int) -> None:
            if stage.startswith(name.partition("-")[0]) and what != "starting":
                raise KeyboardInterrupt

        return hear

    folder: Path | None = None
    for name in STAGES:
        with pytest.raises(KeyboardInterrupt):
            study(tmp_path, corpus, folder, stop_in(name))
        (folder,) = tmp_path.iterdir()
    resumed = study(tmp_path, corpus, folder)
    for part in ("evidence", "verdict", "sentence"):
        assert getattr(resumed, part) == getattr(whole, part), part
    named = {"run": whole.run}
    for part in ("audit", "probe", "patch", "steer"):
        one, two = (getattr(record, part).model_copy(update=named) for record in (resumed, whole))
        assert one == two, part


def test_bad_settings_are_named_before_any_work(corpus: Corpus) -> None:
    few = load_corpus("synthetic", n_pairs=3)
    with pytest.raises(InputError, match="group"):
        check_study(few, CONFIG)
    with pytest.raises(InputError):
        check_study(corpus, CONFIG.model_copy(update={"cwes": ("CWE-1",)}))
