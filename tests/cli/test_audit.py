"""`vulnscope audit` as a user types it: the whole way from model and corpus to a run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Done

import vulnscope as vs
from vulnscope.errors import InputError
from vulnscope.records.audit import AuditRecord

Run = Callable[..., Done]


def test_an_audit_prints_its_verdict_and_leaves_a_whole_run(run_command: Run, tiny_model: Path, twins: Path) -> None:
    done = run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins)
    assert done.status == 0, done.err
    assert "report: runs/" in done.out
    (folder,) = Path("runs").iterdir()
    assert {"manifest.json", "rows.jsonl", "result.json", "report.html"} <= {path.name for path in folder.iterdir()}
    assert len((folder / "rows.jsonl").read_text().splitlines()) == 12
    record = AuditRecord.model_validate_json((folder / "result.json").read_text())
    assert record.overall.n_pairs == 6
    assert record.sentence in " ".join(done.out.split())


def test_json_on_stdout_is_the_stored_record(run_command: Run, tiny_model: Path, twins: Path) -> None:
    done = run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins, "--json", "--limit", "4")
    record = AuditRecord.model_validate(json.loads(done.out))
    assert record.overall.n_samples == 4
    (folder,) = Path("runs").iterdir()
    assert AuditRecord.model_validate_json((folder / "result.json").read_text()) == record


def test_a_second_run_takes_its_answers_from_the_cache(
    run_command: Run, tiny_model: Path, twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("audit", tiny_model, "--corpus", "folder", "--data-dir", twins, "--json")
    first = json.loads(run_command(*command).out)

    from vulnscope.ask.scored import asking

    asked: list[int] = []
    score_batch = asking.score_batch
    monkeypatch.setattr(
        asking,
        "score_batch",
        lambda subject, chosen, *a, **k: asked.append(len(chosen)) or score_batch(subject, chosen, *a, **k),
    )
    second = json.loads(run_command(*command).out)
    assert sum(asked) == 0
    assert second["overall"] == first["overall"]
    run_command(*command, "--no-cache")
    assert sum(asked) == 12


def test_a_dry_run_prints_settings_and_writes_nothing(run_command: Run, tiny_model: Path, twins: Path) -> None:
    done = run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins, "--dry-run")
    assert done.status == 0, done.err
    for word in ("samples", "tokens", "time", "memory", "disk", "seed"):
        assert word in done.out
    assert not Path("runs").exists()


def test_python_gives_the_same_as_the_command(tiny_model: Path, twins: Path, tmp_path: Path, run_command: Run) -> None:
    result = vs.audit(str(tiny_model), corpus="folder", data_dir=twins, runs_dir=tmp_path / "elsewhere")
    frame = result.to_frame()
    assert list(frame["label"].value_counts()) == [6, 6]
    assert result.report.is_file()
    done = run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins, "--json", "--no-cache")
    assert json.loads(done.out)["points"] == json.loads(result.record.model_dump_json())["points"]
    header, *lines = result.export(tmp_path / "rows.csv").read_text().splitlines()
    assert header.split(",")[:4] == ["sample", "label", "pair", "group"]
    assert len(lines) == 12
    import pandas

    assert len(pandas.read_parquet(result.export(tmp_path / "rows.parquet"))) == 12
    with pytest.raises(InputError, match=r"ends in \.csv or \.parquet"):
        result.export(tmp_path / "rows.xlsx")


def test_an_interrupted_run_is_continued_to_the_same_rows(
    run_command: Run, tiny_model: Path, twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (
        "audit",
        tiny_model,
        "--corpus",
        "folder",
        "--data-dir",
        twins,
        "--no-cache",
        "--max-batch-tokens",
        "300",
    )
    run_command(*command)
    (whole,) = Path("runs").iterdir()

    from vulnscope.store import Run as StoreRun

    append = StoreRun.append

    def stop_after_two(self: StoreRun, rows: object) -> None:
        if self.n_batches == 2:
            raise KeyboardInterrupt
        append(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(StoreRun, "append", stop_after_two)
    stopped = run_command(*command)
    assert stopped.status == 130
    assert "--resume" in stopped.err
    monkeypatch.setattr(StoreRun, "append", append)
    torn = next(path for path in Path("runs").iterdir() if path != whole)
    assert len((torn / "rows.jsonl").read_text().splitlines()) < 12

    refused = run_command("audit", "--resume", torn, "--limit", "2")
    assert refused.status == 2
    assert "limit" in refused.err
    done = run_command("audit", "--resume", torn.name)
    assert done.status == 0, done.err
    assert (torn / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("audit",), 2, "name a MODEL"),
        (("audit", "no/such-folder", "--corpus", "synthetic"), 2, "no/such-folder"),
        (("audit", "MODEL", "--corpus", "nothing"), 2, "secllmholmes"),
        (("audit", "MODEL", "--corpus", "folder", "--data-dir", "missing"), 2, "missing"),
        (("audit", "MODEL", "--corpus", "secllmholmes"), 2, "--data-dir"),
        (("audit", "MODEL", "--cwe", "CWE-99999"), 2, "CWE-99999"),
        (("audit", "MODEL", "--protocol", "telepathy"), 2, "yes-no"),
        (("audit", "MODEL", "--option", "nonsense"), 2, "KEY=VALUE"),
        (("audit", "MODEL", "--dtype", "float7"), 2, "float7"),
        (("audit", "--resume", "no-such-run"), 2, "no-such-run"),
        (("audit", "MODEL", "--no-such-flag"), 2, "--no-such-flag"),
        (("run", "show", "no-such-run"), 2, "no-such-run"),
    ],
)
def test_a_wrong_request_is_one_paragraph_and_an_exit_status(
    run_command: Run, tiny_model: Path, arguments: tuple[str, ...], status: int, words: str
) -> None:
    done = run_command(*(tiny_model if word == "MODEL" else word for word in arguments))
    assert done.status == status, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert not Path("runs").exists()


def test_doctor_names_what_is_there(run_command: Run) -> None:
    done = run_command("doctor", "--json")
    names = {check["name"] for check in json.loads(done.out)["checks"]}
    assert {"python", "torch", "memory", "organism", "[tables]"} <= names


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        (("--api-key-env", "KEY"), "--endpoint"),
        (("--concurrency", "2"), "--endpoint"),
        (("--price-in", "1"), "--endpoint"),
        (("--prevalence", "0.1"), "--background"),
        (("--background-limit", "5"), "--background"),
    ],
)
def test_an_option_that_would_say_nothing_is_refused(
    run_command: Run, tiny_model: Path, given: tuple[str, ...], needed: str
) -> None:
    done = run_command("audit", tiny_model, *given)
    assert done.status == 2
    assert f"{given[0]} means nothing without {needed}" in " ".join(done.err.split())
    assert not Path("runs").exists()
