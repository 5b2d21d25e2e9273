"""All commands by name: listed from their sentences alone, and made with their options when they are called."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from vulnscope.cli.common import print_note
from vulnscope.kinds.find import find_kind, list_kinds
from vulnscope.kinds.kind import Kind

MARKUP: Final = "markdown"
_GROUPS = {
    "steer": "Fit directions, sweep them beside their controls, apply what was chosen.",
    "corpus": "List, show and count corpora of vulnerable and fixed code.",
    "model": "Look at a model before studying it.",
    "run": "List, show, compare and combine runs.",
    "organism": "Train the small embedded model with known properties.",
}
"""Each is `app` in the module of its name."""
_ORDER = ("audit", "probe", "patch", "study", "doctor", "steer apply", "steer fit", "steer sweep", "steer show")
"""Commands as help lists them where kinds mix with others; those of other packages follow."""
_Kinds = dict[str, Kind]


class Late(TyperCommand):
    """A command or group in a list: its name and its sentence; it is made whole when it is called or its help asked.

    `make` makes the whole, with its options and their types.
    """

    def __init__(self, name: str, said: str, make: Callable[[], Any]) -> None:
        super().__init__(name, help=said, rich_markup_mode=MARKUP)
        self._make = make

    @cached_property
    def whole(self) -> Any:
        """The command with its options, or the group with its commands."""
        return self._make()

    def make_context(self, *call: Any, **more: Any) -> Any:
        """The context of a call of the whole: the command line calls this for the command that it names, and no other.

        Raises what the whole raises, such as a usage error.
        """
        return self.whole.make_context(*call, **more)


class Commands(TyperGroup):
    """All commands: those of its app, those of kinds, and the groups."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        homes: dict[str, _Kinds] = {name: {} for name in ("", *_GROUPS)}
        for name in list_kinds():
            try:
                kind = find_kind(name)
            except (ImportError, AttributeError) as error:
                print_note(f"the kind {name} is installed but cannot be loaded: {error}")
                continue
            if kind.command:
                group, _, last = kind.command.rpartition(" ")
                homes[group][last] = kind
        _add_kinds(self, homes[""])
        for name, said in _GROUPS.items():
            self.commands[name] = Late(name, said, partial(_make_group, name, homes[name]))


def _add_kinds(group: TyperGroup, kinds: _Kinds, prefix: str = "") -> None:
    for last, kind in kinds.items():
        group.commands[last] = Late(last, kind.help, partial(_make_kind, last, kind))
    places = {words: place for place, words in enumerate(_ORDER)}
    names = sorted(group.commands, key=lambda name: places.get(prefix + name, len(places)))
    group.commands = {name: group.commands[name] for name in names}


def _make_kind(name: str, kind: Kind) -> Any:
    from vulnscope.cli.kinds import make_command

    home = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    home.command(name)(make_command(kind))
    return get_command(home)


def _make_group(name: str, kinds: _Kinds) -> Any:
    home = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
    home.add_typer(import_module(f"vulnscope.cli.{name}").app, name=name, help=_GROUPS[name])
    group = get_command(home).commands[name]  # type: ignore[attr-defined]
    _add_kinds(group, kinds, f"{name} ")
    return group
