"""Data that people write by hand: a YAML file as a frozen record, checked on reading."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from vulnscope.errors import InputError
from vulnscope.records.base import Record

R = TypeVar("R", bound=Record)

_Quick: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_data_file(place: Path | Traversable, kind: type[R], what: str) -> R:
    """The file at `place` as a `kind`; raises `InputError` naming the file, the key and the reason.

    `what` says in the plural what it holds, as in "prompts".
    """
    try:
        values = _parse(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{place}: cannot read {what}: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{place}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise InputError(f"{place}: {what} are a mapping with the keys {', '.join(kind.model_fields)}")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{place}: {key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}") from error


def _parse(text: str) -> Any:
    """The values of a YAML text; what is wrong with it is told in the words that every machine has."""
    try:
        return yaml.load(text, _Quick)
    except yaml.YAMLError:
        return yaml.safe_load(text)
