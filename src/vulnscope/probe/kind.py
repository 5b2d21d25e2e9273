"""Probing: what a model knows, read out of its hidden states."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind, Option

PROBE = Kind(
    name="probe",
    command="probe",
    help="Read what MODEL knows out of its hidden states, beside every surface rule and beside what it says.",
    verb="What `model` knows about `corpus`, beside surface rules and what it says.",
    config="vulnscope.probe.config:ProbeConfig",
    record="vulnscope.records.probe:ProbeRecord",
    options=(
        Option(field="layers", name="layer", help="Only this layer, from 0; repeatable.", least=0),
        Option(field="n_folds", name="folds"),
        Option(field="n_inner", name="inner"),
        Option(field="n_permutations", name="permutations"),
        Option(field="transfer", help="Read this other corpus too; repeatable."),
        Option(
            field="reinitialise",
            help="Probe the model with fresh random weights too; default: below 1e9 parameters.",
        ),
    ),
    is_cached=True,
    check="vulnscope.probe.carrying:check",
    run="vulnscope.probe.carrying:run",
    page="vulnscope.probe.page:page",
)
