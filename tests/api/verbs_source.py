"""The source of `vulnscope.api.verbs`, written from the kinds: a typed verb each, its options a `TypedDict`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import vulnscope
from vulnscope.ask.settings import Selection
from vulnscope.kinds.find import find_kind
from vulnscope.kinds.kind import Kind
from vulnscope.records.base import Record
from vulnscope.records.requests import SubjectRequest
from vulnscope.registry import BUILT_IN

GOLDEN = Path(vulnscope.__file__).parent / "api"
_HEAD = '''"""Verbs of the kinds of study, written by `python -m tests.regenerate`: change the kinds, not this file.

Every option is a field of a config or request, and is documented there.
"""
'''
_CORPUS = '''

class CorpusOptions(TypedDict, total=False):
    """How the corpus is loaded."""

    data_dir: str | Path | None
    """Its folder or file, in the published layout."""
    skip_bad: bool
    """Leave malformed rows out, counted and listed."""
    corpus_options: Mapping[str, Any]
    """Options of its loader, e.g. a column map."""
'''


def render_golden() -> dict[str, str]:
    """The module as it should stand, formatted."""
    kinds = [kind for name in BUILT_IN["kind"] if (kind := find_kind(name)).verb]
    source = "".join(
        [
            _HEAD,
            "\nfrom __future__ import annotations\n\n",
            *sorted(_imports(kinds)),
            _options("SubjectOptions", SubjectRequest, (), "How the model is opened."),
            _CORPUS,
            _options("SelectionOptions", Selection, (), "Which samples are asked, with which prompts."),
            *(_verb(kind) for kind in kinds),
        ]
    )
    for command in (("check", "--select", "F401,I", "--fix", "--quiet"), ("format", "--quiet")):
        path = str(GOLDEN / "verbs.py")
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", path, "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        )
        source = done.stdout
    return {"verbs.py": source}


def _verb(kind: Kind) -> str:
    word, options = kind.name.title(), f"{kind.name.title()}Options"
    parents = ("SubjectOptions", "CorpusOptions", "SelectionOptions")
    record = kind.record.partition(":")[2]
    made = _options(options, kind.config_type, parents, f"Everything that `{kind.name}` may be asked.")
    if not kind.result:
        made += f"\n\nclass {word}Result(Finished[{record}]):\n"
        made += f'    """A finished {kind.name} run: its record and the folder it lies in."""\n'
    if kind.variants:
        return made
    return (
        made
        + f'\n\ndef {kind.name}(model: str, corpus: str = "synthetic", *, runs_dir: str | Path = "runs",'
        + f" **options: Unpack[{options}]) -> {word}Result:\n"
        + f'    """{kind.verb}"""\n'
        + f'    return ask("{kind.name}", {word}Result, model, corpus, runs_dir, options)\n'
    )


def _options(name: str, record: type[Record], parents: tuple[str, ...], said: str) -> str:
    shared = {*SubjectRequest.model_fields, *Selection.model_fields} if parents else {"name"}
    lines = [f'\n\nclass {name}({", ".join(parents or ("TypedDict",))}, total=False):\n    """{said}"""\n\n']
    for field, found in record.model_fields.items():
        if field not in shared:
            lines.append(f"    {field}: {_annotation(record, field)}\n")
            lines.append(f'    """{found.description}"""\n' if found.description else "")
    return "".join(lines)


def _annotation(record: type[Record], field: str) -> str:
    """As it is written in the source."""
    if (record, field) == (SubjectRequest, "endpoint"):
        return "str | EndpointSpec | None"
    found: Any = next(base.__annotations__[field] for base in record.__mro__ if field in base.__annotations__)
    return str(found)


def _imports(kinds: list[Kind]) -> set[str]:
    lines = {
        "from collections.abc import Mapping\n",
        "from pathlib import Path\n",
        "from typing import Any, Literal, TypedDict, Unpack\n",
        "from vulnscope.api.carry_out import ask\n",
        "from vulnscope.kinds.kind import Finished\n",
        "from vulnscope.records.endpoints import EndpointSpec\n",
    }
    for kind in kinds:
        module, _, record = (kind.result or kind.record).partition(":")
        lines.add(f"from {module} import {record}\n")
        for field in kind.config_type.model_fields.values():
            own = field.annotation
            if isinstance(own, type) and issubclass(own, Record):
                lines.add(f"from {own.__module__} import {own.__name__}\n")
    return lines
