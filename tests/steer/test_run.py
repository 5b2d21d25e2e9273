from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import make_corpus, make_pairs, make_sample, tiny_subject

from vulnscope.effects import margins as margins_module
from vulnscope.effects.splits import deal_splits
from vulnscope.errors import InputError
from vulnscope.interventions import load_vectors, save_vectors
from vulnscope.records.base import NotMeasured
from vulnscope.records.steer import SteerRecord
from vulnscope.steer.config import SteerConfig
from vulnscope.steer.run import check_steering, run_steering
from vulnscope.store import Run, open_run

CONFIG = SteerConfig(
    n_bootstrap=200,
    methods=("mean-difference-paired", "logistic-direction"),
    layers="0,1",
    scales=(-1.0, 1.0),
    side_effects=False,
)
CORPUS = make_corpus(make_pairs(20))


def begin(root: Path, config: SteerConfig = CONFIG, resume: Path | None = None) -> Run:
    return open_run(
        root,
        "steer",
        config,
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
        versions={"vulnscope": "0"},
        code="x",
        resume=resume,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def finished(folder: Path) -> tuple[SteerRecord, Path]:
    agreement: list[Any] = []
    with begin(folder) as run:
        record = run_steering(tiny_subject(), CORPUS, CONFIG, run, on_agreement=agreement.append)
    assert agreement == [record.agreement]
    return record, run.path


def test_groups_that_report_neither_fit_nor_choose(finished: tuple[SteerRecord, Path]) -> None:
    record, _ = finished
    assert record.n_fit + record.n_choose + record.n_report == 20
    assert record.n_report == 6


def test_every_intervention_stands_beside_its_controls(finished: tuple[SteerRecord, Path]) -> None:
    record, _ = finished
    assert [each.kind for each in record.outcomes] == [
        "method",
        "method",
        "threshold",
        "prompt",
        "prompt and method",
        "combined methods",
        "gated method",
    ]
    assert [each.n for each in record.controls] == [20, 20]
    assert sum(cell.is_chosen for cell in record.cells) == 2
    assert len(record.cells) == 2 * 2 * 2
    assert ", chosen on other groups, " in record.sentence


def test_the_record_survives_json(finished: tuple[SteerRecord, Path]) -> None:
    record, _ = finished
    assert SteerRecord.model_validate_json(record.to_json()) == record


def test_vectors_and_interventions_lie_in_the_run(finished: tuple[SteerRecord, Path]) -> None:
    _, path = finished
    vectors = load_vectors(path / "vectors.safetensors")
    assert set(vectors.values) == {
        f"{method} @ {layer}.resid_post (last)" for method in CONFIG.methods for layer in range(2)
    }
    assert vectors.origin.corpus_digest == CORPUS.content_digest
    stored = {each.name for each in (path / "interventions").iterdir()}
    assert {"mean-difference-paired", "threshold-only", "prompt-only", "all-methods"} <= stored


def test_a_killed_sweep_goes_on_to_the_same_record(
    finished: tuple[SteerRecord, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sweep = margins_module.run_sweep
    n_units = 0

    def dying(*arguments: Any, **options: Any) -> Any:
        nonlocal n_units
        for unit in run_sweep(*arguments, **options):
            n_units += 1
            if n_units == 4:
                raise KeyboardInterrupt
            yield unit

    monkeypatch.setattr(margins_module, "run_sweep", dying)
    with pytest.raises(KeyboardInterrupt), begin(folder) as run:
        run_steering(tiny_subject(), CORPUS, CONFIG, run)
    monkeypatch.setattr(margins_module, "run_sweep", run_sweep)
    assert run.n_batches > 0
    with begin(folder, resume=run.path) as again:
        found = run_steering(tiny_subject(), CORPUS, CONFIG, again)
    assert found.model_copy(update={"run": finished[0].run}) == finished[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": "together"},
        {"layout": "shared"},
        {"operation": "project-out"},
        {"operation": "clamp"},
        {"operation": "scale-component"},
        {"unit": "raw", "keep_norm": True, "layers": "best"},
        {"selectors": ("last", "code")},
    ],
    ids=str,
)
@pytest.mark.slow
def test_every_way_to_apply_runs(changes: dict[str, Any], tmp_path: Path) -> None:
    settings = {**CONFIG.model_dump(), "methods": ("mean-difference-paired",), "preface": None, **changes}
    config = SteerConfig(**settings)
    with begin(tmp_path, config) as run:
        record = run_steering(tiny_subject(), CORPUS, config, run)
    assert record.outcomes[0].kind == "method"


@pytest.mark.slow
def test_side_effects_and_the_gradient_method(tmp_path: Path) -> None:
    settings = {"methods": ("gradient",), "side_effects": True, "gradient_steps": 2, "gate": False, "layers": "1"}
    config = SteerConfig(**{**CONFIG.model_dump(), **settings})
    with begin(tmp_path, config) as run:
        record = run_steering(tiny_subject(), CORPUS, config, run)
    costs = record.outcomes[0].side_effects
    assert costs is not None
    assert isinstance(costs.kl_nats, float)
    assert costs.kl_nats > 0
    assert costs.n_questions == 12
    assert costs.parses_clean == 0.0


def test_vectors_of_another_model_are_refused_unless_forced(finished: tuple[SteerRecord, Path], tmp_path: Path) -> None:
    vectors = load_vectors(finished[1] / "vectors.safetensors")
    foreign = type(vectors)(vectors.values, vectors.origin.model_copy(update={"subject_digest": "other"}))
    save_vectors(tmp_path / "foreign.safetensors", foreign)
    config = CONFIG.model_copy(update={"vector_file": str(tmp_path / "foreign.safetensors"), "gate": False})
    with begin(tmp_path, config) as run, pytest.raises(InputError, match=r"digest other.*or force them"):
        run_steering(tiny_subject(), CORPUS, config, run)
    forced = config.model_copy(update={"is_forced": True})
    with begin(tmp_path, forced) as run:
        record = run_steering(tiny_subject(), CORPUS, forced, run)
    assert [each.kind for each in record.outcomes].count("from file") == 4


def test_projecting_out_a_vector_of_a_file_has_neither_scales_nor_a_direction(
    finished: tuple[SteerRecord, Path], tmp_path: Path
) -> None:
    file = str(finished[1] / "vectors.safetensors")
    config = CONFIG.model_copy(update={"vector_file": file, "gate": False, "operation": "project-out"})
    with begin(tmp_path, config) as run:
        record = run_steering(tiny_subject(), CORPUS, config, run)
    own = [each for each in record.outcomes if each.kind == "from file"]
    assert len(own) == 4
    assert all(isinstance(each.anti_steered_rate, NotMeasured) for each in own)


@pytest.mark.parametrize(
    ("samples", "changes", "message"),
    [
        (make_pairs(6), {}, "needs at least 14 groups; there are 6"),
        ([make_sample(n, "fixed", pair_id=None) for n in range(30)], {}, "has fixed samples only here"),
        (make_pairs(20), {"methods": ("magic",)}, "unknown steering 'magic'"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_run_is_made(
    samples: list[Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_steering(make_corpus(samples), CONFIG.model_copy(update=changes))


def test_groups_are_dealt_whole() -> None:
    groups = [f"g{n // 3}" for n in range(90)]
    sides = deal_splits(groups, (0.4, 0.3, 0.3), seed=0)
    assert all(len({int(sides[i]) for i in range(3 * g, 3 * g + 3)}) == 1 for g in range(30))
    assert [int((sides == side).sum()) for side in range(3)] == [36, 27, 27]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scales": (0.0, 1.0)}, "scale 0 is the control"),
        ({"fractions": (0.5, 0.5, 0.5)}, "must be positive and sum to 1"),
        ({"keep_norm": True, "operation": "clamp"}, "keep_norm belongs to the operation add"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SteerConfig(**changes)


def test_a_cwe_of_a_single_pair_is_counted_with_all_and_told(tmp_path: Path) -> None:
    lone = [
        sample.model_copy(update={"cwes": (f"CWE-{100 + place // 2}",)}) for place, sample in enumerate(make_pairs(20))
    ]
    config = CONFIG.model_copy(
        update={"methods": CONFIG.methods[:1], "layers": "0", "n_controls": 2, "gate": False, "preface": None}
    )
    with begin(tmp_path, config) as run:
        record = run_steering(tiny_subject(), make_corpus(lone), config, run)
    (note,) = (note for note in record.notes if "a single pair" in note)
    assert note.count("CWE-") == record.n_report
    assert note.endswith("counted with all, no figure of its own")
    assert all(not outcome.per_cwe for outcome in record.outcomes)
