from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.store.conftest import SmallRow

from vulnscope.errors import CorruptData, InputError, RunError
from vulnscope.records.base import Record, RunRecord
from vulnscope.store import list_runs, load_run
from vulnscope.store import run as run_module

Batches = list[list[Record]]


def write(run: Any, batches: Batches) -> None:
    for batch in batches[run.n_batches :]:
        run.append(batch)


def test_a_run_tells_how_it_was_made_and_where_it_stands(open_small: Any, batches: Batches) -> None:
    with open_small() as run:
        assert run.status == "running"
        assert run.path.name == run.id == "20310504-030201-audit-0000"
        write(run, batches)
    manifest = json.loads((run.path / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["created"] == manifest["finished"] == "2031-05-04T03:02:01Z"
    assert manifest["digests"] == {"subject": "s" * 16, "corpus": "c" * 16, "code": "d" * 16}
    assert manifest["config"] == {"corpus": "synthetic", "limit": 10}
    assert (manifest["seed"], manifest["device"], manifest["kind"]) == (7, "cpu", "audit")


def test_a_record_is_told_how_it_was_found(open_small: Any) -> None:
    class Seeded(Record):
        seed: int = 3

    with open_small() as run:
        found = run.provenance(Seeded())
    assert set(found) == set(RunRecord.model_fields)
    assert (found["config"], found["seed"], found["command"]) == ({"seed": 3}, 3, run.manifest.command)
    assert (found["code_digest"], found["run"], found["versions"]) == ("d" * 16, run.id, run.manifest.versions)


def test_rows_round_trip(open_small: Any, batches: Batches) -> None:
    with open_small() as run:
        write(run, batches)
        assert (run.n_rows, run.n_batches) == (11, 4)
        assert run.rows() == [row.model_dump() for batch in batches for row in batch]


def test_a_name_taken_in_the_same_second_is_avoided(open_small: Any) -> None:
    tokens = iter(["aaaa", "aaaa", "bbbb"])
    with open_small(token=lambda: next(tokens)) as first, open_small(token=lambda: next(tokens)) as second:
        assert (first.id[-4:], second.id[-4:]) == ("aaaa", "bbbb")


def test_result_and_report_are_replaced_whole(open_small: Any, batches: Batches) -> None:
    with open_small() as run:
        run.write_result(batches[0][0])
        run.write_report("<p>one</p>")
        run.write_report("<p>two</p>")
    stored = load_run(run.path, run.path.parent)
    assert stored.result(type(batches[0][0])) == batches[0][0]
    assert stored.report_path.read_text() == "<p>two</p>"
    assert not list(run.path.glob("*.tmp")) + list(run.path.glob(".*.tmp"))
    stored.write_report("<p>three</p>")
    assert stored.report_path.read_text() == "<p>three</p>"


def test_a_killed_write_of_a_file_leaves_the_old_one(
    open_small: Any, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise SystemExit

    with open_small() as run:
        run.write_report("<p>old</p>")
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", killed)
            with pytest.raises(SystemExit):
                run.write_report("<p>new</p>")
        assert run.report_path.read_text() == "<p>old</p>"
        run.write_report("<p>newer</p>")
    assert sorted(path.name for path in run.path.iterdir()) == [".lock", "manifest.json", "report.html"]


def test_no_result_yet_is_said_with_the_way_on(open_small: Any) -> None:
    with pytest.raises(RuntimeError), open_small() as run:
        raise RuntimeError("boom")
    with pytest.raises(RunError, match=r"is failed and has no result; continue it with: vulnscope audit .* --resume "):
        load_run(run.path, run.path).result(Record)


def test_a_result_of_another_shape_is_corrupt_data(open_small: Any, batches: Batches) -> None:
    with open_small() as run:
        run.write_result(batches[0][0])
    with pytest.raises(CorruptData, match=r"result\.json: .*; write it again with: vulnscope audit .* --resume "):
        run.result(Record)


def test_a_row_of_another_shape_is_named_with_its_line(open_small: Any) -> None:
    with open_small() as run:
        run.append([{"sample": "a", "margin": 0.5}])
        run.append([{"sample": "b", "margin": "x"}, {"margin": 1.0}])
    read = run.read_rows(lambda row: float(row["margin"]))
    assert next(read) == 0.5
    with pytest.raises(CorruptData, match=r"rows\.jsonl:2: not a row of this kind of run \(.*'x'.*start a new run"):
        next(read)
    with pytest.raises(CorruptData, match=r"rows\.jsonl:3: .*KeyError\('sample'\)"):
        list(run.read_rows(lambda row: row["sample"]))
    assert list(run.read_rows(lambda row: row["sample"], lambda row: "sample" in row)) == ["a", "b"]


@pytest.mark.parametrize("name", ["rows.jsonl", "result.json", "manifest.json"])
@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "a pipe"), (os.mkdir, "a folder")])
def test_what_is_no_file_is_refused_without_opening_it(
    open_small: Any, batches: Batches, name: str, make: Any, kind: str
) -> None:
    with open_small() as run:
        write(run, batches)
        run.write_result(batches[0][0])
    (run.path / name).unlink()
    make(run.path / name)
    listed = list_runs(run.path.parent)

    def read_all() -> None:
        stored = load_run(run.path, run.path.parent)
        stored.result(SmallRow)
        stored.rows()

    with pytest.raises((CorruptData, InputError), match=rf"{name} is not a file but {kind}|no run"):
        read_all()
    if name == "rows.jsonl":
        assert [(found.status, found.n_rows) for found in listed] == [("corrupt", 0)]


class TestStatus:
    def test_an_error_is_kept(self, open_small: Any) -> None:
        with pytest.raises(ValueError, match="bad"), open_small() as run:
            raise ValueError("bad")
        assert (run.manifest.status, run.manifest.error) == ("failed", "ValueError: bad")

    def test_ctrl_c_leaves_a_resumable_run(self, open_small: Any, batches: Batches) -> None:
        with suppress(KeyboardInterrupt), open_small() as run:
            run.append(batches[0])
            raise KeyboardInterrupt
        assert load_run(run.path, run.path).status == "interrupted"
        assert run.resume_command == f"vulnscope audit organism --corpus synthetic --resume {run.path}"
        with open_small(resume=run.path) as again:
            write(again, batches)
        assert (again.manifest.status, again.manifest.error, again.manifest.n_resumed) == ("finished", None, 1)

    def test_running_without_a_process_is_interrupted(self, open_small: Any) -> None:
        run = open_small()
        assert load_run(run.path, run.path).status == "running"
        run._lock.release()  # what the kernel does at kill -9
        assert load_run(run.path, run.path).status == "interrupted"


class TestPlan:
    def test_the_plan_and_its_revisions_survive(self, open_small: Any) -> None:
        with open_small() as run:
            assert run.plan is None
            run.save_plan({"batches": ((0, 1), (2,))})
            run.revise_plan({"split": 0, "parts": [[0], [1]]})
        with open_small(resume=run.id) as again:
            assert again.plan == {"batches": [[0, 1], [2]]}
            assert again.plan_revisions == ({"split": 0, "parts": [[0], [1]]},)
            again.save_plan({"batches": ((0, 1), (2,))})

    def test_another_plan_is_refused(self, open_small: Any) -> None:
        with open_small() as run:
            run.save_plan({"batches": [[0, 1]]})
            with pytest.raises(RunError, match="already follows another batch plan"):
                run.save_plan({"batches": [[1, 0]]})


class TestResume:
    def test_every_difference_is_named(self, open_small: Any, batches: Batches) -> None:
        with open_small() as run:
            pass
        with pytest.raises(RunError) as caught:
            open_small(
                resume=run.path,
                config=batches[0][0],
                corpus_digest="x" * 16,
                seed=8,
                device="cuda:0",
                versions={"python": "3.11.7", "torch": "2.14.0", "numpy": "2.4.6"},
            )
        assert str(caught.value) == dedent(
            f"""\
            run {run.id} cannot be continued, because this request would give other rows:
              config.corpus: "synthetic" in the run, absent now
              config.limit: 10 in the run, absent now
              config.margin: absent in the run, 0.0 now
              config.sample: absent in the run, "s0" now
              config.text: absent in the run, "" now
              device: "cpu" in the run, "cuda:0" now
              digests.corpus: "cccccccccccccccc" in the run, "xxxxxxxxxxxxxxxx" now
              seed: 7 in the run, 8 now
              versions.numpy: absent in the run, "2.4.6" now
              versions.torch: "2.13.0" in the run, "2.14.0" now
            repeat it as it was, or start a new run without --resume"""
        )

    def test_a_refusal_lets_the_folder_go(self, open_small: Any) -> None:
        with open_small() as run:
            pass
        for _ in range(2):
            with pytest.raises(RunError, match="seed"):
                open_small(resume=run.path, seed=8)

    def test_another_command_line_is_fine(self, open_small: Any) -> None:
        with open_small() as run:
            pass
        with open_small(resume=run.path, command="vulnscope audit --resume x") as again:
            assert again.manifest.command == run.manifest.command


class TestTwoProcesses:
    def test_one_folder_is_refused_naming_the_pid(self, open_small: Any) -> None:
        with open_small() as run, pytest.raises(RunError) as caught:
            open_small(resume=run.path)
        assert str(caught.value) == (
            f"run folder {run.path} is in use by process {os.getpid()}; "
            "wait until it ends, stop it, or start a run of its own without --resume"
        )

    def test_a_real_second_process_holds_it(self, open_small: Any, tmp_path: Path) -> None:
        with open_small() as run:
            pass
        program = (
            "import sys; from pathlib import Path; from vulnscope.store.lock import FolderLock\n"
            "lock = FolderLock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", program, str(run.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(RunError, match=f"in use by process {holder.pid};"):
                open_small(resume=run.path)
            holder.send_signal(signal.SIGKILL)
        with open_small(resume=run.path):
            pass


class TestDiskFull:
    @pytest.fixture
    def fill_disk(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def no_space(*_: Any) -> int:
            raise OSError(28, "No space left on device")

        def fill() -> None:
            monkeypatch.setattr(os, "write", no_space)
            monkeypatch.setattr(os, "fsync", no_space)

        return fill

    def test_rows_kept_and_the_way_on_are_said(
        self, open_small: Any, batches: Batches, fill_disk: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with open_small() as run:
            run.append(batches[0])
        again = open_small(resume=run.path)
        fill_disk()
        with pytest.raises(RunError) as caught, again:
            again.append(batches[1])
        assert str(caught.value) == (
            f"the disk is full: the 3 rows of complete batches in {run.path} are kept; free some space, "
            f"then continue with: vulnscope audit organism --corpus synthetic --resume {run.path}"
        )
        assert load_run(run.path, run.path).status == "interrupted"
        monkeypatch.undo()
        with open_small(resume=run.path) as again:
            assert again.n_batches == 1
            write(again, batches)
        assert again.rows() == [row.model_dump() for batch in batches for row in batch]

    @pytest.mark.parametrize("action", ["write_result", "write_report", "save_plan"])
    def test_every_write_says_it(self, open_small: Any, batches: Batches, fill_disk: Any, action: str) -> None:
        value: Any = "<p>" if action == "write_report" else batches[0][0]
        run = open_small()
        fill_disk()
        with pytest.raises(RunError, match="the disk is full"), run:
            getattr(run, action)(value)

    def test_other_trouble_is_not_called_a_full_disk(
        self, open_small: Any, batches: Batches, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> int:
            raise OSError(5, "Input/output error")

        run = open_small()
        monkeypatch.setattr(os, "write", broken)
        with pytest.raises(RunError, match=r"cannot write to run folder .*Input/output error"), run:
            run.append(batches[0])

    def test_no_place_for_a_run_at_all(self, open_small: Any, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("a file where the folder belongs")
        with pytest.raises(RunError, match=r"cannot make a run folder under .*--runs-dir"):
            open_small()


class TestFinding:
    def test_by_path_id_beginning_and_end(self, open_small: Any) -> None:
        with open_small() as first, open_small() as second:
            root = first.path.parent
        assert load_run(first.path, root / "elsewhere").id == first.id
        assert load_run(second.id, root).id == second.id
        assert load_run("0001", root).id == second.id
        assert load_run("20310504-030201-audit-0000", root).id == first.id
        with pytest.raises(
            InputError, match=re.escape(f"ambiguous under {root}; it could be: {first.id}, {second.id}")
        ):
            load_run("2031", root)
        with pytest.raises(InputError, match=f"no run 'nope' under .*; the latest there: {first.id}, {second.id}"):
            load_run("nope", root)

    def test_runs_of_one_second_are_listed_in_the_order_they_were_made(self, open_small: Any) -> None:
        second = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
        with (
            open_small(clock=lambda: second, token=lambda: "ffff") as first,
            open_small(clock=lambda: second + timedelta(milliseconds=1), token=lambda: "0000") as then,
        ):
            assert [run.id for run in list_runs(first.path.parent)] == [first.id, then.id]

    def test_nothing_there(self, tmp_path: Path) -> None:
        assert list_runs(tmp_path / "runs") == ()
        with pytest.raises(InputError, match="the latest there: none"):
            load_run("x", tmp_path / "runs")

    def test_a_corrupt_manifest_is_listed_and_named(self, open_small: Any, batches: Batches) -> None:
        with open_small() as first, open_small() as second:
            first.append(batches[0])
        manifest = first.path / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"seed": 7', '"seed": "seven"'))
        with pytest.raises(CorruptData, match=r"manifest\.json: seed: .*valid integer.*cannot be read or continued"):
            load_run(first.path, first.path)
        summaries = list_runs(first.path.parent)
        assert [(run.id, run.status, run.n_rows) for run in summaries] == [
            (first.id, "corrupt", 3),
            (second.id, "finished", 0),
        ]
        assert "seed" in (summaries[0].error or "")

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version":2}'])
    def test_any_wrong_manifest_is_corrupt_data(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(CorruptData, match=r"manifest\.json: "):
            load_run(tmp_path, tmp_path)


@pytest.mark.slow
def test_kill_9_at_any_moment_then_resume_gives_the_same_bytes(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        dedent(
            """
            import os, sys
            from pathlib import Path
            from vulnscope.records.base import Record, RunRecord
            from vulnscope.store import open_run

            class Config(Record):
                n: int = 40

            root, resume, kill_at = Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
            real_write, n_bytes = os.write, 0

            def write(descriptor, data):
                global n_bytes
                if descriptor > 2 and 0 <= kill_at - n_bytes < len(data):
                    real_write(descriptor, bytes(data[: kill_at - n_bytes]))
                    os.kill(os.getpid(), 9)
                n_bytes += len(data)
                return real_write(descriptor, data)

            os.write = write
            with open_run(root, "audit", Config(), subject_digest="s", corpus_digest="c", seed=0, device="cpu",
                          command="c", versions={}, code="d", resume=resume) as run:
                run.save_plan({"batches": [[i] for i in range(40)]})
                for i in range(run.n_batches, 40):
                    run.append([{"sample": f"{i}-{j}", "margin": i / 7} for j in range(3)])
            print(run.path)
            """
        )
    )

    def start(root: Path, resume: str = "", kill_at: int = -1) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, str(program), str(root), resume, str(kill_at)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    whole = Path(start(tmp_path / "whole").stdout.strip(), "rows.jsonl").read_bytes()
    for number in range(10):
        root = tmp_path / str(number)
        kill_at = (number * 2654435761) % len(whole)
        assert start(root, kill_at=kill_at).returncode == -signal.SIGKILL
        (folder,) = root.iterdir()
        resumed = start(root, resume=folder.name)
        assert resumed.returncode == 0, resumed.stderr
        assert (folder / run_module.ROWS).read_bytes() == whole
