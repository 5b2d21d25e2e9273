from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from tests.models.memory import memory_for
from tests.models.subjects import random_tokens, tiny_subject
from tests.models.zoo import tiny_tokenizer
from tests.tolerances import assert_close

from vulnscope.errors import CorruptData, InputError, RunError
from vulnscope.models.edit.edits import add, replace
from vulnscope.models.read import shards
from vulnscope.models.read.activations import capture
from vulnscope.models.read.editing import edited
from vulnscope.models.read.shards import MANIFEST, open_capture, stream_capture
from vulnscope.models.text.items import read_text

TEXTS = random_tokens(*(3 + (7 * i) % 11 for i in range(40)))
SITES = ["0.resid_post", "1.mlp_out"]
SHARD_BYTES = 20 * 2 * 32 * 4


def stream(folder: Path, **options: object) -> shards.Shards:
    given = {"selector": "all", "dtype": "float32", "max_tokens": 30, "shard_bytes": SHARD_BYTES, **options}
    return stream_capture(tiny_subject(), TEXTS, SITES, folder, **given)  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if not path.name.startswith(".")}


def test_shards_hold_what_capture_returns(tmp_path: Path) -> None:
    found = stream(tmp_path)
    assert len(found) > 3
    assert [path.name for path in sorted(tmp_path.glob("*.safetensors"))][:2] == [
        "00000.safetensors",
        "00001.safetensors",
    ]
    whole = capture(tiny_subject(), TEXTS, SITES, "all")
    for site in SITES:
        loaded = open_capture(tmp_path).load(site)
        for sample in range(len(TEXTS)):
            assert_close(loaded.of_sample(site, sample), whole.of_sample(site, sample))
    index = loaded.index
    assert sorted(index["sample"].unique().tolist()) == list(range(len(TEXTS)))
    assert all(
        TEXTS[s][p] == t for s, p, t in zip(*(index[c].tolist() for c in ("sample", "position", "token")), strict=True)
    )


def test_pooled_and_bfloat16_shards(tmp_path: Path) -> None:
    eps = torch.finfo(torch.bfloat16).eps
    found = stream(tmp_path, reduce="mean", dtype="bfloat16")
    whole = capture(tiny_subject(), TEXTS, SITES, "all", "mean")
    for part in found:
        assert part[SITES[0]].dtype == torch.bfloat16
        samples = part.index["sample"].long()
        torch.testing.assert_close(part[SITES[0]].float(), whole[SITES[0]][samples], rtol=eps, atol=eps)
        assert part.index["n_tokens"].tolist() == [len(TEXTS[i]) for i in samples]


def test_pooled_rows_of_a_loaded_site_are_the_texts_in_the_order_given(tmp_path: Path) -> None:
    found = stream(tmp_path, reduce="mean")
    assert [*found.read(0).index["sample"]] != [0, 1], "the longest texts are read first, or this proves nothing"
    loaded = found.load(SITES[0])
    assert loaded.index["sample"].tolist() == list(range(len(TEXTS)))
    assert_close(loaded[SITES[0]], capture(tiny_subject(), TEXTS, SITES, "all", "mean")[SITES[0]])


def test_a_truncated_shard_is_captured_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = stream(tmp_path)
    whole = contents(tmp_path)
    path = tmp_path / "00001.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptData, match=r"00001\.safetensors is damaged .*run the same capture again"):
        found.load(SITES[0])
    stream(tmp_path)
    assert contents(tmp_path) == whole
    assert "00001.safetensors is damaged" in caplog.text


def test_a_changed_value_in_a_shard_is_refused_by_name(tmp_path: Path) -> None:
    found = stream(tmp_path)
    path = tmp_path / "00002.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(CorruptData, match=r"00002\.safetensors is not as it was written \(the checksum of"):
        [found.load(site) for site in SITES]


def test_changed_lines_are_a_column(tmp_path: Path) -> None:
    items = [read_text(tiny_tokenizer(), "a\nb\nc\nd\ne\n", changed_lines=[1])]
    found = stream_capture(tiny_subject(), items, [1], tmp_path, "all").load(1)
    assert found.index["changed"].tolist() == [2, 2, 1, 1, 1, 1, 0, 0, 0, 0]
    assert found.index["line"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.models.read.test_shards import stream
def progress(done, total):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
stream(Path(sys.argv[1]), progress=progress)
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_done", [1, 4])
def test_a_killed_capture_resumes_to_the_same_bytes(tmp_path: Path, n_done: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    stream(whole)
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", KILLED, str(broken), str(n_done)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(broken.glob("*.safetensors"))) == n_done
    (broken / f".{n_done:05d}.safetensors.tmp").write_bytes(b"torn")
    before = {path: path.stat().st_mtime_ns for path in broken.glob("*.safetensors")}
    with pytest.raises(RunError, match="the capture is not finished"):
        open_capture(broken).load(SITES[0])
    stream(broken)
    assert contents(broken) == contents(whole)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "a finished shard was written again"
    assert not list(broken.glob(".*.tmp"))


def test_a_resumed_capture_repeats_its_back_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as scarce:
        memory_for(scarce, 13)
        found = stream(tmp_path)
    # The first batch has 28 padded tokens and runs in calls of up to 14; a later one fills them, with 2 × 7 tokens.
    assert [(step.batch, step.max_tokens) for step in found.back_offs] == [(0, 14), (2, 7)]
    whole = contents(tmp_path)
    for path in sorted(tmp_path.glob("*.safetensors"))[1:]:
        path.unlink()
    assert stream(tmp_path).back_offs == found.back_offs
    assert contents(tmp_path) == whole
    (tmp_path / "back-off.json").write_text("[{}]")
    with pytest.raises(CorruptData, match=r"back-off\.json is damaged"):
        stream(tmp_path)


def test_a_finished_capture_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream(tmp_path)
    monkeypatch.setattr(tiny_subject().model, "forward", lambda *_, **__: pytest.fail("the model ran"))
    seen: list[tuple[int, int]] = []
    found = stream(tmp_path, max_tokens=None, progress=lambda *both: seen.append(both))
    assert seen == [(i + 1, len(found)) for i in range(len(found))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"selector": "last"}, "selector"),
        ({"reduce": "mean"}, "reduce: None there, mean now"),
        ({"dtype": "bfloat16"}, "dtype: float32 there, bfloat16 now"),
        ({"max_tokens": 31}, "max_tokens: 30 there, 31 now"),
    ],
)
def test_a_folder_of_another_capture_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    stream(tmp_path)
    with pytest.raises(RunError, match="holds another capture") as caught:
        stream(tmp_path, **options)
    assert message in str(caught.value)


def test_edits_in_force_are_part_of_the_capture(tmp_path: Path) -> None:
    subject, vector = tiny_subject(), torch.ones(32)
    with edited(subject, [add(0, vector, 2.0, "all", unit="raw")]):
        found = stream(tmp_path / "edited").load(SITES[0])
    plain = stream(tmp_path / "plain").load(SITES[0])
    assert_close(found[SITES[0]], plain[SITES[0]] + 2)
    with pytest.raises(RunError, match="edits"):
        stream(tmp_path / "edited")
    with edited(subject, [replace(0, torch.relu)]), pytest.raises(InputError, match="give the function a `digest`"):
        stream(tmp_path / "function")


def test_strange_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no streamed capture: it has no capture\.json"):
        open_capture(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is not empty \(notes\.txt\)"):
        stream(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(CorruptData, match=r"capture\.json is damaged"):
        open_capture(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_names_the_way_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fill(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(shards, "save_file", fill)
    with pytest.raises(RunError, match="make room and run the same capture again"):
        stream(tmp_path)
    monkeypatch.undo()
    assert len(stream(tmp_path)) > 3
