"""What a study would take: each figure in its row, and both studies together."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vulnscope.audit.forecast_page import page as audit_page
from vulnscope.records.audit import AuditForecast
from vulnscope.records.base import NotMeasured
from vulnscope.records.subject import MemoryEstimate
from vulnscope.report.write_terminal import write_terminal
from vulnscope.study.forecast_page import page, show_bytes, show_duration
from vulnscope.study.record import StageForecast, StudyForecast
from vulnscope.study.two.record import AgainstForecast

MEMORY = MemoryEstimate.model_construct(
    weights_bytes=2**30,
    cache_bytes=2 * 2**20,
    activations_bytes=3 * 2**20,
    logits_bytes=4 * 2**20,
    free_bytes=8 * 2**30,
    batch=4,
    length=512,
)


def make_estimate() -> StudyForecast:
    stage = StageForecast.model_construct(
        stage="audit", n_rows=1200, n_tokens=34000, model_seconds=90.0, statistics_seconds=3.0, disk_bytes=2**20
    )
    return StudyForecast.model_construct(
        model="[bold]m",
        architecture="llama",
        n_layers=4,
        n_parameters=1234567,
        dtype="float32",
        device="cpu",
        quantization=None,
        corpus="c",
        n_samples=40,
        n_pairs=20,
        n_groups=10,
        memory=MEMORY,
        second_model_bytes=5 * 2**20,
        read_activations_bytes=6 * 2**20,
        memory_bytes=7 * 2**20,
        stages=(stage,),
        seconds=93.0,
        disk_bytes=9 * 2**20,
        rests_on=("a guess",),
    )


def show(record: StudyForecast | AgainstForecast) -> list[str]:
    """Lines, each with single spaces."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    write_terminal(page(record), console)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_every_figure_has_its_row() -> None:
    assert show(make_estimate()) == [
        "[bold]m: llama, 1,234,567 weights in 4 layers, float32 on cpu",
        "c: 40 samples in 20 pairs and 10 groups",
        "",
        "memory",
        "weights 1.0 GiB",
        "weights, re-initialised 5.0 MiB",
        "KV cache, 4 × 512 tokens 2.0 MiB",
        "activations of a forward 3.0 MiB",
        "logits 4.0 MiB",
        "activations read 6.0 MiB",
        "all 7.0 MiB",
        "free now 8.0 GiB",
        "",
        "stage prompts tokens model statistics disk",
        "audit 1,200 34,000 0:01:30 0:00:03 1.0 MiB",
        "all about 0:01:33 9.0 MiB",
        "",
        "- a guess",
    ]


def test_two_studies_are_shown_one_after_the_other_and_together() -> None:
    one = make_estimate()
    both = AgainstForecast.model_construct(first=one, second=one, memory_bytes=2**20, seconds=5.0, disk_bytes=2**31)
    lines = show(both)
    assert [lines[0], lines[1], lines[20]] == ["A", show(one)[0], "B"]
    assert lines[-1] == "both, one after the other: about 0:00:05, 1.0 MiB of memory at most, 2.0 GiB of disk"


@pytest.mark.parametrize(("seconds", "text"), [(0.49, "<1 s"), (0.5, "0:00:00"), (1.6, "0:00:02"), (3661, "1:01:01")])
def test_durations_read_as_a_clock(seconds: float, text: str) -> None:
    assert show_duration(seconds) == text


def test_sizes_have_the_unit_that_fits() -> None:
    assert [show_bytes(size) for size in (2**20, 2**30 - 1, 2**30)] == ["1.0 MiB", "1,024.0 MiB", "1.0 GiB"]


def test_what_an_audit_takes_has_a_line_per_figure() -> None:
    record = AuditForecast.model_construct(
        n_samples=40,
        n_pairs=20,
        n_groups=10,
        n_background=3,
        left_out=(),
        n_cut=4,
        n_prompts=80,
        n_batches=5,
        n_distinct_tokens=900,
        n_tokens=1000,
        seconds=61.0,
        n_new_tokens=0,
        cost=NotMeasured(reason="no prices"),
        memory_bytes=2**21,
        disk_bytes=2**20,
        config={"seed": 0},
    )
    console = Console(file=io.StringIO(), width=100, color_system=None)
    write_terminal(audit_page(record), console)
    assert [" ".join(line.split()) for line in console.file.getvalue().splitlines()] == [  # type: ignore[attr-defined]
        "samples 40 in 20 pairs and 10 groups",
        "background 3 ordinary functions",
        "left out none",
        "cut 4",
        "prompts 80 in 5 batches",
        "tokens 900 after sharing prefixes, of 1,000",
        "time about 0:01:01 (h:mm:ss)",
        "cost no prices",
        "memory about 2 MiB",
        "disk about 1.0 MiB",
        "config: seed 0",
    ]
