"""Answers in words on the command line: audit, parse again, import, and an endpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Done
from tests.models.remote.server import Recorded, completion, serve

from vulnscope.corpora import load_corpus

Run = Callable[..., Done]


def judge(body: dict[str, Any]) -> Recorded:
    is_fixed = "select ?" in str(body["messages"][-1]["content"])
    return completion(f"The query is unsafe.\nVerdict: {'not vulnerable' if is_fixed else 'vulnerable'}")


@pytest.fixture
def finished(run_command: Run, twins: Path) -> Path:
    """The folder of a finished run whose model is always right, though its words are always alarming."""
    with serve(judge) as server:
        done = run_command(
            "audit", "judge", "--endpoint", server.url, "--protocol", "free-text",
            "--corpus", "folder", "--data-dir", twins, "--json",
        )  # fmt: skip
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["readout"] == "text"
    assert record["overall"]["accuracy"]["value"] == 1.0
    assert record["answers"]["states"] == {"parsed": 36, "unparsed": 0, "refused": 0, "cut": 0}
    assert [line["prompt"] for line in record["prompt_grid"]["lines"]] == ["reason", "role", "both-sides"]
    (folder,) = Path("runs").iterdir()
    return folder


def test_a_finished_run_is_parsed_again_without_a_model(finished: Path, run_command: Run) -> None:
    program = (
        "import sys\nfrom vulnscope.cli import main\ntry:\n    main()\n"
        "finally:\n    print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "run",
            "rescore",
            finished.name,
            "--parser",
            "keyword",
            "--json",
        ],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    record = json.loads(done.stdout)
    assert done.stderr.splitlines()[-1] == "[]"
    assert record["answers"]["parser"] == "keyword"
    # "unsafe" and "vulnerable" against "not vulnerable" (a tie, hence secure) or nothing.
    assert record["overall"]["yes_rate"]["value"] == 0.5
    assert record["subject"]["name"] == "judge"
    assert len(list(Path("runs").iterdir())) == 2
    assert (Path("runs") / record["run"] / "report.html").is_file()
    again = run_command("run", "rescore", finished.name, "--json")
    assert json.loads(again.out)["overall"]["accuracy"]["value"] == 1.0


def test_an_unknown_parser_or_a_run_of_scores_is_refused(finished: Path, run_command: Run) -> None:
    refused = run_command("run", "rescore", finished.name, "--parser", "tea-leaves")
    assert refused.status == 2
    assert "choose one of: keyword, strict" in refused.err


def test_published_answers_are_measured_like_our_own(run_command: Run, twins: Path) -> None:
    table = Path("answers.csv")
    lines = ["model,item,prompt,answer"]
    for number in range(6):
        for prompt in ("S1", "S2"):
            lines.append(f'oracle,query-{number}/vulnerable,{prompt},"Well.\nVerdict: vulnerable"')
            lines.append(f"oracle,query-{number}/fixed,{prompt},Verdict: not vulnerable")
            lines.append(f"parrot,query-{number}/vulnerable,{prompt},Verdict: vulnerable")
            lines.append(f"parrot,query-{number}/fixed,{prompt},Verdict: vulnerable")
    lines.append("oracle,elsewhere,S1,Verdict: vulnerable")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run_command("run", "import", table, "--corpus", "folder", "--data-dir", twins, "--json")
    assert done.status == 0, done.err
    oracle, parrot = json.loads(done.out)["records"]
    assert oracle["overall"]["pair_correct"]["value"] == 1.0
    assert (parrot["overall"]["yes_rate"]["value"], parrot["overall"]["pair_correct"]["value"]) == (1.0, 0.0)
    assert oracle["left_out"][0]["reason"] == "items that the corpus does not have"
    assert oracle["prompts"] == ["S1", "S2"]
    assert run_command("run", "list").out.count("-import-") == 2


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "model,item,answer\nm,i,a\n", "has no column prompt"),
        ("a.csv", "model,item,prompt,answer\n", "holds no answers"),
        ("a.csv", 'model,item,prompt,answer\nm,i,p,"x', "not valid CSV"),
        ("a.jsonl", '{"model": "m"}\n', "a.jsonl:1: item"),
        ("a.jsonl", "[1, 2\n", "a.jsonl:1: not valid JSON"),
        ("a.csv", "model,item,prompt,answer\nm,nowhere,p,a\n", "no item of the table is a labelled sample"),
        ("missing.csv", None, "cannot read the table"),
    ],
)
def test_a_bad_table_is_one_paragraph(run_command: Run, twins: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        Path(name).write_text(text, encoding="utf-8")
    done = run_command("run", "import", name, "--corpus", "folder", "--data-dir", twins)
    assert done.status in (2, 3)
    assert words in done.err
    assert "Traceback" not in done.err
    assert not Path("runs").exists()


def test_a_dry_run_states_the_cost_and_calls_nothing(run_command: Run, twins: Path) -> None:
    with serve([]) as server:
        done = run_command(
            "audit", "judge", "--endpoint", server.url, "--protocol", "free-text", "--corpus", "folder",
            "--data-dir", twins, "--price-in", "3", "--price-out", "15", "--dry-run", "--json",
        )  # fmt: skip
    assert server.asked == []
    estimate = json.loads(done.out)
    assert estimate["n_prompts"] == 36
    assert estimate["n_new_tokens"] == 36 * 512
    assert estimate["cost"] == pytest.approx((estimate["n_tokens"] * 3 + 36 * 512 * 15) / 1e6)


def test_a_local_model_answers_in_words(run_command: Run, tiny_model: Path, twins: Path) -> None:
    done = run_command(
        "audit", tiny_model, "--protocol", "locate", "--corpus", "folder", "--data-dir", twins,
        "--limit", "2", "--max-new-tokens", "4", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    record = json.loads(done.out)
    assert record["answers"]["lines"]["n"] == 1
    assert record["overall"]["unparsed_rate"]["value"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--protocol", "secllmholmes"), "definitions and examples from a checkout"),
        (("--protocol", "which-cwe"), "needs names and definitions"),
        (("--protocol", "free-text", "--prompt", "X"), "has no prompt 'X'"),
        (("--protocol", "free-text", "--preset", "X"), "has no preset 'X'"),
        (("--protocol", "free-text", "--parser", "X"), "unknown parser 'X'"),
        (("--protocol", "free-text", "--background", "nowhere"), "nowhere is not a folder"),
        (("--protocol", "free-text", "--background", "."), "holds no function that can be asked about"),
        (("--endpoint", "http://127.0.0.1:9", "--endpoint-api", "carrier-pigeon"), "'carrier-pigeon'"),
        (("--repeats", "3"), "--repeats is for answers in words"),
        (("--preset", "determinism"), "protocol yes-no has no preset 'determinism'; it has none"),
        (("--parser", "keyword"), "--parser is for answers in words"),
        (("--prompt", "X"), "has no prompt 'X'; choose from: direct, flaw, review"),
        (("--part", "X"), "holds nothing for part X; its parts: none"),
        (("--endpoint", "ftp://x"), "begins with http"),
        (("--endpoint", "http://127.0.0.1:9", "--api-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY is not set"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_opens(
    run_command: Run, twins: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = run_command("audit", "absent-model", "--corpus", "folder", "--data-dir", twins, *arguments)
    assert done.status == 2
    assert words in " ".join(done.err.split())
    assert not Path("runs").exists()


def test_a_run_that_an_endpoint_broke_off_is_resumed(run_command: Run, twins: Path) -> None:
    command = ("--protocol", "free-text", "--corpus", "folder", "--data-dir", twins, "--json")
    n_asked: list[int] = []

    def failing(body: dict[str, Any]) -> Recorded:
        n_asked.append(1)
        return judge(body) if len(n_asked) <= 10 else Recorded({"error": "no more credit"}, 403)

    with serve(lambda body: failing(body) if failing_now else judge(body)) as server:
        failing_now = True
        torn = run_command("audit", "judge", "--endpoint", server.url, "--concurrency", "1", *command)
        assert torn.status == 3
        assert "no more credit" in torn.err
        (folder,) = Path("runs").iterdir()
        assert f"--resume {folder}" in " ".join(torn.err.split())
        failing_now = False
        n_before = len(server.asked)
        done = run_command("audit", "--resume", folder.name, "--concurrency", "2", "--json")
        assert done.status == 0, done.err
        assert len(server.asked) - n_before == 26
    assert json.loads(done.out)["overall"]["accuracy"]["value"] == 1.0


def write_ordinary(folder: Path) -> Path:
    """Forty functions in forty files, every fourth of which alarms `judge_ordinary`."""
    folder.mkdir()
    for number in range(40):
        name = "loud" if number % 4 == 0 else "quiet"
        (folder / f"{name}_{number}.py").write_text(f"def {name}_{number}(value):\n    return value + {number}\n")
    return folder


def judge_ordinary(body: dict[str, Any]) -> Recorded:
    text = str(body["messages"][-1]["content"])
    if "value + " not in text:
        return judge(body)
    return completion(f"Verdict: {'vulnerable' if 'loud_' in text else 'not vulnerable'}")


def test_ordinary_code_beside_answers_in_words(run_command: Run, twins: Path, tmp_path: Path) -> None:
    command = ("audit", "judge", "--protocol", "free-text", "--corpus", "folder", "--data-dir", twins)
    options = ("--background", write_ordinary(tmp_path / "code"), "--prevalence", "0.1", "--json")
    with serve(judge_ordinary) as server:
        estimate = json.loads(run_command(*command, "--endpoint", server.url, *options, "--dry-run").out)
        assert (estimate["n_background"], estimate["n_prompts"]) == (40, 76)
        done = run_command(*command, "--endpoint", server.url, *options)
    assert done.status == 0, done.err
    assert len(server.asked) == 76
    record = json.loads(done.out)
    said, one, _ = record["background"]["points"]
    assert (said["alarm_rate"]["value"], said["recall"]["value"]) == (0.25, 1.0)
    assert said["precision"]["value"] == pytest.approx(0.1 / (0.1 + 0.9 * 0.25))
    assert one["recall"]["value"] == {"reason": "answers in words have no margin to cut"}
    assert len(record["points"]) == 12
    shutil.rmtree(tmp_path / "code")
    again = run_command("run", "rescore", record["run"], "--json")
    assert again.status == 0, again.err
    rescored = json.loads(again.out)
    assert rescored["background"] == record["background"]
    shown = run_command("run", "show", rescored["run"])
    assert "margin above the cut for 1 % alarms: n/a, answers in words have no margin" in " ".join(shown.out.split())
    compared = run_command("run", "compare", record["run"], rescored["run"], "--json")
    assert compared.status == 0, compared.err
    assert not json.loads(compared.out)["is_one_unit"]
    assert "margin" not in {change["measure"] for change in json.loads(compared.out)["overall"]["changes"]}
    assert "Ordinary functions that it calls vulnerable" in Path("runs", rescored["run"], "report.html").read_text()
    keyword = json.loads(run_command("run", "rescore", record["run"], "--parser", "keyword", "--json").out)
    assert keyword["background"]["points"][0]["alarm_rate"]["value"] == 0.25


def test_ordinary_code_beside_log_probabilities(run_command: Run, twins: Path, tmp_path: Path) -> None:
    def score(body: dict[str, Any]) -> Recorded:
        text = str(body["messages"][-1]["content"])
        odds = 0.5 if "loud_" in text else -3.0 if "value + " in text else 4.0
        odds *= -1 if "secure?" in text else 1
        return completion("Yes" if odds > 0 else "No", logprobs={"Yes": -5.0 + odds, "No": -5.0})

    with serve(score) as server:
        done = run_command(
            "audit", "judge", "--endpoint", server.url, "--corpus", "folder", "--data-dir", twins,
            "--background", write_ordinary(tmp_path / "code"), "--json",
        )  # fmt: skip
    assert done.status == 0, done.err
    assert len(server.asked) == 12 * 6 + 40 * 2
    record = json.loads(done.out)
    said, one, five = record["background"]["points"]
    assert record["background"]["readout"] == "log-odds"
    assert said["alarm_rate"]["value"] == 0.25
    assert one["recall"]["value"] == five["recall"]["value"] == 1.0
    assert one["cut"] == pytest.approx(0.5)
    assert record["background"]["loudest"][0]["function"].startswith("loud_")


def test_published_answers_about_a_corpus_that_needs_options(run_command: Run) -> None:
    rows = [{"func": f"int f(int x) {{ return x / {n}; }}", "bad": n % 2} for n in range(6)]
    Path("rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    columns = "code=func,label=bad"
    samples = load_corpus("table", Path("rows.jsonl"), columns=columns).samples
    says = {"vulnerable": "Verdict: vulnerable", "fixed": "Verdict: secure"}
    lines = [{"model": "oracle", "item": each.id, "prompt": "p", "answer": says[each.label]} for each in samples]
    Path("answers.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    command = ("run", "import", "answers.jsonl", "--corpus", "table", "--data-dir", "rows.jsonl", "--json")
    assert "column 'label' is missing" in run_command(*command).err
    done = run_command(*command, "--option", f"columns={columns}")
    assert done.status == 0, done.err
    assert json.loads(done.out)["overall"]["accuracy"]["value"] == 1.0
    assert "--option columns=code=func,label=bad" in json.loads(done.out)["command"]
