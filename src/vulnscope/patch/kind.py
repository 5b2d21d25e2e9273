"""Patching: whether a model uses what differs between twins."""

from __future__ import annotations

from vulnscope.kinds.kind import Kind, Option

PATCH = Kind(
    name="patch",
    command="patch",
    help="Put one twin's activations into the other: does MODEL use what differs between them?",
    config="vulnscope.patch.config:PatchConfig",
    record="vulnscope.patch.record:PatchRecord",
    options=(Option(field="layers", name="layer", help="Only this layer, from 0; repeatable.", least=0), "max_pairs"),
    check="vulnscope.patch.patching:check",
    run="vulnscope.patch.patching:run",
    page="vulnscope.patch.page:page",
    verb="Whether `model` uses what differs between twins: activations of one put into the other.",
)
