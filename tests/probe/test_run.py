from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.ask.builders import make_corpus, make_pairs, make_sample, tiny_subject

from vulnscope.corpora import Corpus
from vulnscope.errors import CorruptData, InputError
from vulnscope.probe.config import ProbeConfig
from vulnscope.probe.kind import PROBE
from vulnscope.probe.run import check_probe, run_probe
from vulnscope.records.base import NotMeasured
from vulnscope.records.probe import ProbeRecord
from vulnscope.store import Run, open_run

CONFIG = ProbeConfig(
    n_bootstrap=200, n_permutations=19, n_folds=2, n_inner=2, layers=(0, 2), reinitialise=False, curve_repeats=1
)
CWES = ("CWE-787", "CWE-89")


def corpus(n_pairs: int = 12, **fields: Any) -> Corpus:
    return make_corpus(
        [
            make_sample(number, label, cwes=(CWES[number % 2],), **fields)
            for number in range(n_pairs)
            for label in ("vulnerable", "fixed")
        ]
    )


def begin(root: Path, resume: Path | None = None) -> Run:
    return open_run(
        root,
        "probe",
        CONFIG,
        subject_digest="s",
        corpus_digest="c",
        seed=0,
        device="cpu",
        command="vulnscope probe tiny",
        versions={"vulnscope": "0"},
        code="x",
        resume=resume,
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ProbeRecord:
    with begin(tmp_path_factory.mktemp("runs")) as run:
        return run_probe(tiny_subject(), corpus(), CONFIG, run)


def test_the_record_holds_what_a_reader_needs(record: ProbeRecord) -> None:
    assert record.n_items == 24
    assert {cell.layer for cell in record.cells} == {-1, 0, 2}
    assert {cell.pooling for cell in record.cells} == {"last", "mean", "max", "changed"}
    assert {cell.is_oracle for cell in record.cells if cell.pooling == "changed"} == {True}
    assert [each.name for each in record.baselines] == [
        "length",
        "bag of tokens",
        "character 2-5-grams",
        "token 1-3-grams",
        "embedding layer",
    ]
    assert next(each.name for each in record.says) == "zero-shot margin"
    assert record.lens is not None
    assert [each.layer for each in record.lens] == [0, 2]
    assert [each.kind for each in record.generality] == ["cwe"]
    assert record.generality[0].n_parts == 2
    assert record.learning_curve[-1].n_pairs == 6
    assert record.cwe_type is not None
    assert record.cwe_type.classes == CWES
    assert "AUROC" in record.sentence


def test_the_terminal_shows_every_figure(record: ProbeRecord) -> None:
    out = StringIO()
    PROBE.print(record, Console(file=out, width=200, color_system=None))
    shown = out.getvalue()
    assert re.search(r"^which of 2 CWEs it is: \d\.\d\d .*against \d\.\d\d", shown, re.M)
    assert re.search(r"^logit lens, by layer: 0 \d\.\d\d, 2 \d\.\d\d$", shown, re.M)
    assert re.search(r"^learning curve, by training pairs: .*6 \d\.\d\d$", shown, re.M)


def test_one_cwe_is_no_second_target_and_a_note_says_so(tmp_path: Path) -> None:
    one = make_corpus(make_pairs(12, cwes=("CWE-787",)))
    with begin(tmp_path) as run:
        found = run_probe(tiny_subject(), one, CONFIG, run)
    assert found.cwe_type is None
    assert any(note.startswith("which CWE it is: fewer than two CWEs are in 6 groups") for note in found.notes)


def test_a_text_that_decides_the_label_leaves_nothing_to_know(record: ProbeRecord) -> None:
    assert record.best_rule is not None
    assert record.leading_rule == record.best_rule
    assert record.best_rule.name == record.best_baseline
    assert record.best_rule.behind == record.difference
    assert record.best_rule.auroc.value == 1.0
    old = record.model_copy(update={"best_rule": None})
    assert old.leading_rule in old.baselines
    assert record.decodable != "yes"


def test_the_record_survives_json(record: ProbeRecord) -> None:
    assert ProbeRecord.model_validate_json(record.to_json()) == record


def test_a_killed_run_reads_no_chunk_twice(
    record: ProbeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vulnscope.probe import harvest

    monkeypatch.setattr(harvest, "_CHUNK", 8)
    n_read = 0
    read = harvest._read

    def dying(*arguments: Any) -> Any:
        nonlocal n_read
        n_read += 1
        if n_read == 3:
            raise KeyboardInterrupt
        return read(*arguments)

    monkeypatch.setattr(harvest, "_read", dying)
    with pytest.raises(KeyboardInterrupt), begin(tmp_path) as run:
        run_probe(tiny_subject(), corpus(), CONFIG, run)
    kept = sorted(path.name for path in (run.path / "activations" / "home" / "asked").iterdir())
    assert kept == ["0000000.safetensors", "0000008.safetensors"]
    with begin(tmp_path, resume=run.path) as again:
        found = run_probe(tiny_subject(), corpus(), CONFIG, again)
    assert n_read == 7
    assert found.model_copy(update={"run": record.run}) == record
    assert not (again.path / "activations").exists()


def test_foreign_activations_are_refused(tmp_path: Path) -> None:
    with begin(tmp_path) as run:
        folder = run.path / "activations" / "home" / "asked"
        folder.mkdir(parents=True)
        (folder / "0000000.safetensors").write_bytes(b"\0" * 8)
        with pytest.raises(CorruptData, match="is damaged"):
            run_probe(tiny_subject(), corpus(), CONFIG, run)


def test_a_cwe_of_a_single_pair_has_no_figure_of_its_own(tmp_path: Path) -> None:
    lonely = [make_sample(99, label, cwes=("CWE-22",)) for label in ("vulnerable", "fixed")]
    with begin(tmp_path) as run:
        found = run_probe(tiny_subject(), make_corpus([*corpus().samples, *lonely]), CONFIG, run)
    assert any("a single pair of CWE-22" in note for note in found.notes)
    part = next(part for part in found.generality[0].parts if part.name == "CWE-22")
    assert isinstance(part.auroc.value, NotMeasured)
    assert found.cwe_type is not None
    assert found.cwe_type.left_out == ("CWE-22",)


def test_another_corpus_is_read_with_what_was_fitted_here(tmp_path: Path) -> None:
    other = make_corpus([*make_pairs(6, cwes=("CWE-22",))], name="other")
    with begin(tmp_path) as run:
        found = run_probe(tiny_subject(), corpus(), CONFIG, run, others=[other])
    (transfer,) = found.transfers
    assert (transfer.corpus.name, transfer.probe.n) == ("other", 12)
    assert transfer.baseline_auroc.value == 1.0
    assert transfer.chosen.startswith("layer")


@pytest.mark.parametrize(
    ("samples", "changes", "message"),
    [
        (make_pairs(4), {"n_folds": 5, "n_inner": 3}, "need at least 10 groups; there are 4"),
        ([make_sample(n, "vulnerable", pair_id=None) for n in range(20)], {}, "all 20 samples are vulnerable"),
        ([make_sample(n, "unlabelled", pair_id=None) for n in range(20)], {}, "no labelled sample"),
        (make_pairs(20), {"cwes": ("CWE-1",)}, "holds nothing for CWE-1"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_run_is_made(
    samples: list[Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_probe(make_corpus(samples), CONFIG.model_copy(update=changes))


def test_a_layer_that_does_not_exist_is_named(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"layers": (7,)})
    with (
        begin(tmp_path) as run,
        pytest.raises(InputError, match="layer 7 does not exist; this subject has layers 0 to 2"),
    ):
        run_probe(tiny_subject(), corpus(), config, run)
