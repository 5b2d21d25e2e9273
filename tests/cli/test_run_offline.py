"""`vulnscope run compare` and `run combine` as a user types them, on runs that are really there."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score
from tests.cli.conftest import Done
from tests.models.zoo import save_tiny

from vulnscope.records.audit import AuditRecord
from vulnscope.records.comparison import ComparisonRecord
from vulnscope.store import list_runs

Run = Callable[..., Done]


@pytest.fixture
def runs(run_command: Run, tiny_model: Path, twins: Path, tmp_path: Path) -> list[str]:
    """Two models on the same twins, one of them on fewer."""
    other = save_tiny("llama", tmp_path / "other", max_position_embeddings=1024)
    assert run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins).status == 0
    assert run_command("audit", other, "--corpus", "folder", "--data-dir", twins, "--limit", "8").status == 0
    return [run.id for run in list_runs(Path("runs"))]


def test_a_comparison_is_a_run_of_its_own(run_command: Run, runs: list[str]) -> None:
    done = run_command("run", "compare", *runs)
    assert done.status == 0, done.err
    (folder,) = (path for path in Path("runs").iterdir() if "compare" in path.name)
    record = ComparisonRecord.model_validate_json((folder / "result.json").read_text())
    assert record.sentence in " ".join(done.out.split())
    assert (record.overall.n_items, record.n_only_before, record.n_only_after) == (8, 4, 0)
    assert any(difference.startswith("name: ") for difference in record.differences)
    assert "limit: None → 8" in record.differences
    assert not any(difference.startswith("subject_digest: ") for difference in record.differences), "told by the name"
    assert "comparison" in (folder / "report.html").read_text()
    assert record.sentence in " ".join(run_command("run", "show", folder.name).out.split())
    assert json.loads(run_command("run", "compare", *runs, "--json").out)["overall"]["n_items"] == 8


@pytest.mark.parametrize("how", ["mean", "vote"])
def test_an_ensemble_is_judged_like_one_model_and_compares_like_one(
    run_command: Run, runs: list[str], how: str
) -> None:
    done = run_command("run", "combine", *runs, "--how", how, "--json")
    assert done.status == 0, done.err
    record = AuditRecord.model_validate(json.loads(done.out))
    assert record.overall.n_samples == 8
    assert record.subject.name.startswith(f"{how} of ")
    (folder,) = (path for path in Path("runs").iterdir() if "combine" in path.name)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "nothing anew" in page
    assert 'id="chart-acquiescence"' not in page
    # Only votes have each run's answer beside the majority.
    assert ('id="answers"' in page) is (how == "vote")
    assert 'id="prompts"' not in page, "runs are no wordings"
    compared = run_command("run", "compare", runs[0], folder.name, "--json")
    assert compared.status == 0, compared.err
    assert ComparisonRecord.model_validate(json.loads(compared.out)).is_one_unit is (how != "vote")
    assert record.sentence in " ".join(run_command("run", "show", folder.name).out.split())


@pytest.fixture
def published(run_command: Run, tmp_path: Path) -> list[str]:
    """Answers of two models to 24 unlike pairs: one mostly right, one as a coin falls."""
    lines = ["model,item,prompt,answer"]
    generator = random.Random(0)
    for pair in range(24):
        for side in ("vulnerable", "fixed"):
            words = [f"word_{pair}_{place}" for place in range(8)]
            path = tmp_path / "unlike" / f"pair-{pair}" / f"{side}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(f"{word} = {word}_of({side}_{word})" for word in words) + "\n")
            other = "fixed" if side == "vulnerable" else "vulnerable"
            for model, skill in (("expert", 0.9), ("coin", 0.5)):
                said = side if generator.random() < skill else other
                verdict = "vulnerable" if said == "vulnerable" else "secure"
                lines.append(f"{model},pair-{pair}/{side},ask,VERDICT: {verdict}")
    (tmp_path / "answers.csv").write_text("\n".join(lines) + "\n")
    done = run_command(
        "run", "import", tmp_path / "answers.csv", "--corpus", "folder", "--data-dir", tmp_path / "unlike"
    )
    assert done.status == 0, done.err
    return [run.id for run in list_runs(Path("runs"))]


def test_agreement_is_stated_beyond_that_of_habits(run_command: Run, published: list[str]) -> None:
    done = run_command("run", "compare", *published, "--json")
    assert done.status == 0, done.err
    record = ComparisonRecord.model_validate(json.loads(done.out))
    assert len(record.items) == 48
    before, after = zip(*(item.says for item in record.items), strict=True)
    assert record.kappa == pytest.approx(cohen_kappa_score(before, after))
    assert float(record.agreement.value) == pytest.approx(accuracy_score(before, after))  # type: ignore[arg-type]


def test_a_stacked_ensemble_learns_whom_to_trust(run_command: Run, published: list[str]) -> None:
    done = run_command("run", "combine", *published, "--how", "stacked", "--json")
    assert done.status == 0, done.err
    record = AuditRecord.model_validate(json.loads(done.out))
    assert (record.overall.n_samples, record.overall.n_groups) == (48, 24)
    assert record.subject.name.startswith("stacked of ")
    assert float(record.overall.auroc.value) > 0.8  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_told(run_command: Run, runs: list[str], tiny_model: Path, twins: Path) -> None:
    assert run_command("run", "combine", runs[0]).status == 2
    wrong = run_command("run", "combine", *runs, "--how", "magic")
    assert wrong.status == 2
    assert "choose one of: mean, vote, stacked" in wrong.err
    alike = run_command("run", "combine", *runs, "--how", "stacked")
    assert alike.status == 2
    assert "of the 1 groups here too few hold both labels; use --how mean or --how vote" in alike.err
    (twins / "query-0" / "fixed.py").write_text("def g():\n    return 1\n")
    changed = run_command("run", "compare", *runs)
    assert changed.status == 3
    assert "answered another version of corpus 'folder'" in changed.err
    run_command("audit", tiny_model, "--corpus", "folder", "--data-dir", twins)
    other = next(path.name for path in Path("runs").iterdir() if path.name not in runs and "audit" in path.name)
    refused = run_command("run", "compare", runs[0], other)
    assert refused.status == 2
    assert "answered different corpora" in refused.err


def test_an_audit_with_ordinary_code(run_command: Run, tiny_model: Path, twins: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "a.py").write_text("def f():\n    return 1\n\n\ndef g(x):\n    return x\n")
    command = ("audit", tiny_model, "--corpus", "folder", "--data-dir", twins, "--background", folder)
    assert "2 ordinary functions" in run_command(*command, "--dry-run").out
    done = run_command(*command, "--prevalence", "0.05")
    assert done.status == 0, done.err
    assert "2 ordinary functions of 1 files; precision where 5 % are vulnerable" in done.out
    assert "too few negatives" in done.out
    assert run_command("audit", tiny_model, "--background", tmp_path / "missing").status == 2
