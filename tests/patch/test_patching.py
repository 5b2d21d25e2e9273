from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ask.builders import make_corpus, make_pairs, make_sample, tiny_subject

from vulnscope.errors import InputError
from vulnscope.patch import patching
from vulnscope.patch.claims import Pairing, judge_used, write_sentence
from vulnscope.patch.config import PatchConfig
from vulnscope.patch.patching import check_patching, draw_randoms, run_patching
from vulnscope.patch.record import PatchCell, PatchRecord
from vulnscope.records.base import Estimate, NotMeasured
from vulnscope.store import Run, open_run

CONFIG = PatchConfig(n_bootstrap=200, max_pairs=4)


def begin(root: Path, resume: Path | None = None) -> Run:
    return open_run(
        root,
        "patch",
        CONFIG,
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
        versions={"vulnscope": "0"},
        code="x",
        resume=resume,
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> PatchRecord:
    with begin(tmp_path_factory.mktemp("runs")) as run:
        return run_patching(tiny_subject(), make_corpus(make_pairs(6)), CONFIG, run)


def test_every_layer_and_region_is_patched(record: PatchRecord) -> None:
    # The twins differ by an insertion, so that no changed token corresponds.
    assert {(cell.layer, cell.region) for cell in record.cells} == {
        (layer, region) for layer in range(3) for region in ("prefix", "suffix", "last")
    }
    assert record.n_pairs == 4
    assert any("beyond the 4 pairs" in part.reason for part in record.left_out)


def test_the_prefix_moves_nothing_and_the_last_state_carries_everything(record: PatchRecord) -> None:
    for cell in record.cells:
        if cell.region == "prefix":
            assert cell.shift.value == 0.0
            assert isinstance(cell.p_corrected, NotMeasured)
    last = next(cell for cell in record.cells if (cell.layer, cell.region) == (2, "last"))
    assert last.carried == pytest.approx(1.0, abs=0.02)


def test_the_record_survives_json(record: PatchRecord) -> None:
    assert PatchRecord.model_validate_json(record.to_json()) == record


def test_a_killed_run_goes_on_to_the_same_record(
    record: PatchRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_patch = patching.run_patch

    def dying(*arguments: Any, **options: Any) -> Any:
        for number, unit in enumerate(run_patch(*arguments, **options)):
            if number == 3:
                raise KeyboardInterrupt
            yield unit

    monkeypatch.setattr(patching, "run_patch", dying)
    with pytest.raises(KeyboardInterrupt), begin(tmp_path) as run:
        run_patching(tiny_subject(), make_corpus(make_pairs(6)), CONFIG, run)
    assert run.n_batches == 3
    monkeypatch.setattr(patching, "run_patch", run_patch)
    with begin(tmp_path, resume=run.path) as again:
        found = run_patching(tiny_subject(), make_corpus(make_pairs(6)), CONFIG, again)
    assert found.model_copy(update={"run": record.run}) == record


def test_random_donors_come_from_other_pairs() -> None:
    twins = [Pairing(2 * n, 2 * n + 1) for n in range(9)]
    for seed in range(20):
        assert all(pair.first // 2 != pair.second // 2 for pair in draw_randoms(twins, seed))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (make_pairs(1), "has 1 pair here; patching needs at least 2"),
        ([make_sample(n, "fixed", pair_id=None) for n in range(9)], "all 9 samples are fixed"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_run_is_made(samples: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_patching(make_corpus(samples), CONFIG)


def cell(shift: tuple[float, float], beyond: float, beyond_p: float, p: float) -> PatchCell:
    def estimate(ends: tuple[float, float]) -> Estimate:
        return Estimate(value=float(np.mean(ends)), low=ends[0], high=ends[1], method="bca", n=40, n_groups=40)

    return PatchCell(
        layer=1,
        region="changed",
        n_pairs=40,
        mean_tokens=2,
        shift=estimate(shift),
        into_fixed=0.0,
        into_vulnerable=0.0,
        carried=0.5,
        p=p,
        p_corrected=p,
        random_shift=estimate((0.0, 0.0)),
        beyond_random=estimate((beyond, beyond)),
        beyond_p_corrected=beyond_p,
    )


@pytest.mark.parametrize(
    ("shift", "beyond", "beyond_p", "p", "claim"),
    [
        ((0.5, 1.0), 0.7, 0.05, 0.01, "yes"),
        ((-1.0, -0.5), -0.7, 0.01, 0.05, "yes"),
        ((0.5, 1.0), 0.7, 0.06, 0.01, "cannot tell"),
        ((0.5, 1.0), 0.7, 0.01, 0.06, "cannot tell"),
        ((0.5, 1.0), -0.7, 0.01, 0.01, "cannot tell"),
        ((-0.05, 0.05), 0.01, 0.9, 0.9, "no"),
    ],
)
def test_used_needs_chance_and_random_donors_beaten(
    shift: tuple[float, float], beyond: float, beyond_p: float, p: float, claim: str
) -> None:
    assert judge_used([cell(shift, beyond, beyond_p, p)], deviation=1.0)[0] == claim


def test_doubt_says_what_is_missing() -> None:
    def doubt(*cells: PatchCell) -> str:
        return write_sentence("cannot tell", None, cells, 16, "sven")

    weak, moving = cell((0.5, 1.0), 0.4, 0.2, 0.2), cell((0.5, 1.0), 0.4, 0.2, 0.01)
    assert doubt(weak) == (
        "on 16 pairs of sven: cannot tell whether it uses what differs: no layer and region moves the margin beyond "
        "chance"
    )
    assert "layer 1 (changed) moves the margin by +0.75 [+0.50, +1.00] nats, but no layer" in doubt(weak, moving)
    bare = moving.model_copy(update={"beyond_p_corrected": NotMeasured(reason="no donor fits")})
    assert doubt(bare).endswith("nats, but it was not tested beyond donors of its own label: no donor fits")
    assert "beyond chance" in doubt(moving.model_copy(update={"region": "prefix"}))


def test_the_largest_of_several_moves_is_called_so() -> None:
    cells = [cell((0.5, 1.0), 0.7, 0.01, 0.01), cell((0.2, 0.4), 0.3, 0.01, 0.01)]
    claim, best = judge_used(cells, deviation=1.0)
    assert "the largest of 2 such moves, so stated rather too high" in write_sentence(claim, best, cells, 40, "sven")
