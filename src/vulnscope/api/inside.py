"""The verb that looks inside: probe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vulnscope.api.carry_out import split_options
from vulnscope.api.requests import opened_run
from vulnscope.kinds.context import load_requested, open_cache, open_requested
from vulnscope.kinds.kind import Finished
from vulnscope.probe.config import ProbeConfig
from vulnscope.records.probe import ProbeRecord
from vulnscope.records.requests import CorpusRequest, StudyRequest

Stage = Callable[[str, int, int], None]


class ProbeRequest(StudyRequest):
    """Everything a probing is asked to do."""

    probe: ProbeConfig = ProbeConfig()


class ProbeResult(Finished[ProbeRecord]):
    """A finished probing: its record and the folder it lies in."""


def probe(model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs", **options: Any) -> ProbeResult:
    """What `model` knows about `corpus`, beside surface rules and what it says.

    `options` are the fields of `SubjectRequest`, `data_dir`, `skip_bad` and `corpus_options` of the corpus, and the
    fields of `ProbeConfig`.
    """
    subject, source, settings = split_options(model, corpus, options)
    request = ProbeRequest(subject=subject, corpus=source, probe=ProbeConfig(**settings))
    return run_probe_request(request, runs_dir=Path(runs_dir))


def run_probe_request(
    request: ProbeRequest,
    *,
    runs_dir: Path,
    resume: str | Path | None = None,
    is_cached: bool = True,
    command: str = "",
    progress: Stage | None = None,
) -> ProbeResult:
    """Carry out `request` in a new run, or in the run `resume`. `is_cached` reuses known answers."""
    from vulnscope.ask.checks import check_layers
    from vulnscope.probe import check_probe, run_probe
    from vulnscope.report.probe_panels import render_probe

    corpus = load_requested(request.corpus)
    check_probe(corpus, request.probe)
    others = [load_requested(CorpusRequest(name=name)) for name in request.probe.transfer]
    subject = open_requested(request.subject)
    check_layers(request.probe.layers, subject.architecture.n_layers)
    with opened_run(
        "probe", request, subject, corpus, request.probe.seed, runs_dir=runs_dir, resume=resume, command=command
    ) as run:
        record = run_probe(
            subject,
            corpus,
            request.probe,
            run,
            others=others,
            cache=open_cache() if is_cached else None,
            command=run.manifest.command,
            progress=progress,
        )
        run.write_report(render_probe(record))
        run.write_result(record)
    return ProbeResult(record=record, folder=run.path)
