"""Two subjects on the same samples: interrupted and continued, nothing is done twice and each difference is paired."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tests.models.zoo import tiny_config
from tests.study.test_run import CONFIG

from vulnscope import store
from vulnscope.api.carry_out import run_request
from vulnscope.errors import InputError, Interrupted
from vulnscope.interventions import VectorOrigin, Vectors, VectorSite, save_vectors
from vulnscope.kinds.find import find_kind
from vulnscope.kinds.kind import Finished
from vulnscope.records.requests import CorpusRequest, SubjectRequest
from vulnscope.study.requests import AgainstRequest
from vulnscope.study.two.record import AgainstRecord

OPTIONS = (("difficulty", "bound"), ("n_pairs", "40"), ("templates", "train"))
SMALL = CONFIG.model_copy(
    update={
        "changes": (),
        "probe": CONFIG.probe.model_copy(update={"n_permutations": 19, "layers": (5,)}),
        "steer": CONFIG.steer.model_copy(update={"scales": (-0.5,), "preface": None}),
    }
)
REQUEST = AgainstRequest(
    subject=SubjectRequest(name="organism:biased"),
    against=SubjectRequest(name="organism"),
    corpus=CorpusRequest(name="synthetic", options=OPTIONS),
    study=SMALL,
)


@pytest.fixture(scope="module")
def heard() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, heard: list[str]) -> Finished[AgainstRecord]:
    """A run that was stopped while B was probed, and then continued; `heard` are the stages after that."""
    runs = tmp_path_factory.mktemp("runs")

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "B, probe: fitting":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"interrupted; [1-9]\d* finished rows are kept"):
        run_request("against", REQUEST, runs_dir=runs, is_cached=False, progress=stop)
    (folder,) = runs.iterdir()

    def tell(stage: str, done: int, total: int) -> None:
        heard.append(stage.partition(": ")[0])

    return run_request("against", REQUEST, runs_dir=runs, resume=folder, is_cached=False, progress=tell)


def test_layers_that_one_of_both_lacks_are_named_before_a_model_is_opened(tmp_path: Path) -> None:
    tiny_config("qwen2").save_pretrained(tmp_path / "shallow")
    shallow = SubjectRequest(name=str(tmp_path / "shallow"))
    asked = REQUEST.model_copy(update={"against": shallow})
    with pytest.raises(InputError, match=r"shallow: layer 5 does not exist; this subject has layers 0 to "):
        run_request("against", asked, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_vectors_of_one_model_are_refused_before_a_model_is_opened(tmp_path: Path) -> None:
    file = tmp_path / "some.safetensors"
    origin = VectorOrigin(subject="a", subject_digest="a", method="drawn", sites={"v": VectorSite(site="0.resid_post")})
    save_vectors(file, Vectors({"v": torch.ones(8)}, origin))
    steer = SMALL.steer.model_copy(update={"vector_file": str(file)})
    asked = REQUEST.model_copy(update={"study": SMALL.model_copy(update={"steer": steer})})
    with pytest.raises(InputError, match=r"some\.safetensors belong to one model, and two are studied.*or force them"):
        run_request("against", asked, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_finished_studies_and_stages_are_not_repeated(result: Finished[AgainstRecord], heard: list[str]) -> None:
    stages = {stage for stage in heard if stage != "B, opening"}
    assert stages == {"B, probe", "B, patch", "B, steer", "comparison"}
    assert store.load_run(result.folder, result.folder.parent).status == "finished"
    for page in result.record.pages.values():
        assert (result.folder / page).is_file()


@pytest.mark.slow
def test_what_was_planted_is_the_difference(result: Finished[AgainstRecord]) -> None:
    record = result.record
    assert record.first.verdict.diagnosis == "knows, says it with a bias"
    assert record.second.verdict.diagnosis == "says it"
    assert record.sentence.startswith("A (organism:biased): knows, says it with a bias; B (organism): says it.")
    figures = {row.name: row.difference for row in record.figures}
    assert float(figures["pair-correct"].change.low) > 0.5
    assert figures["pair-correct"].first.value == record.first.audit.overall.pair_correct.value
    assert figures["probe"].second.value == record.second.probe.probe.auroc.value
    assert float(figures["says"].p_corrected) > 0.05
    cut = next(row for row in record.interventions if row.name == "threshold only")
    clean = record.interventions[0]
    assert clean.pair_correct.change.value == pytest.approx(1.0, abs=0.1)
    assert float(clean.pair_correct.p_corrected) < 0.01
    assert cut.pair_correct.change.value == pytest.approx(0.0, abs=0.1)
    assert record.n_steered == len(record.first.steer.items)


@pytest.mark.slow
def test_flipped_twins_are_those_of_the_held_out_groups(result: Finished[AgainstRecord]) -> None:
    study = result.record.first
    cut = next(count for count in study.flip_counts if count.name == "threshold only")
    pairs = {flip.pair for flip in study.flips if any(under.name == "threshold only" for under in flip.after)}
    assert cut.n_mended + cut.n_broken + cut.n_other == len(pairs) > 0
    assert cut.n_mended > 10 * cut.n_broken


@pytest.mark.slow
def test_the_record_the_page_and_the_terminal_agree(result: Finished[AgainstRecord]) -> None:
    record = AgainstRecord.model_validate_json(result.record.to_json())
    assert record == result.record
    kind = find_kind("against")
    page = kind.render(record)
    assert page == result.report.read_text(encoding="utf-8")
    assert "<script" not in page
    out = io.StringIO()
    kind.print(record, Console(file=out, width=200))
    assert record.sentence in out.getvalue().replace("\n", "")
    assert "pairs right" in page
