"""Why a run cannot be continued: every field that decides its rows and differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from vulnscope.records.base import canonical_json
from vulnscope.records.runs import RunSpec

_MISSING = object()
_FREE_TO_DIFFER = frozenset({"command"})


def spec_differences(stored: RunSpec, asked: RunSpec) -> tuple[str, ...]:
    """`"config.limit: 30 in the run, 20 now"` for each differing field, sorted; empty where both agree."""
    names = RunSpec.model_fields.keys() - _FREE_TO_DIFFER
    old, new = (
        dict(_flatten({name: value for name, value in json.loads(spec.to_json()).items() if name in names}))
        for spec in (stored, asked)
    )
    return tuple(
        f"{key}: {_show(old.get(key, _MISSING))} in the run, {_show(new.get(key, _MISSING))} now"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, _MISSING) != new.get(key, _MISSING)
    )


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value


def _show(value: object) -> str:
    if value is _MISSING:
        return "absent"
    text = canonical_json(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
