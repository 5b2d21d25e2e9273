"""`manifest.json`: read with a reason for every defect, written atomically."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from vulnscope.errors import CorruptData
from vulnscope.records.base import canonical_json
from vulnscope.records.runs import Manifest
from vulnscope.store.files import open_regular, write_atomic

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run folder; raises `CorruptData` naming the first wrong field."""
    try:
        with open_regular(folder / MANIFEST) as file:
            return Manifest.model_validate_json(file.read())
    except OSError as error:
        raise CorruptData(f"{folder / MANIFEST} cannot be read: {error}") from error
    except ValidationError as error:
        reason = explain_file(error)
        raise CorruptData(f"{folder / MANIFEST}: {reason}; the run cannot be read or continued") from error


def explain_file(error: ValidationError) -> str:
    """The first complaint about a stored file, with the field it is about."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "the file"
    return f"{place}: {first['msg']}"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a locked run folder."""
    # One field per line: readable, and the plan, by far the longest, stays on its own.
    fields = (
        f"{json.dumps(name)}: {canonical_json(value)}" for name, value in manifest.model_dump(mode="json").items()
    )
    write_atomic(folder / MANIFEST, "{\n" + ",\n".join(fields) + "\n}\n")
