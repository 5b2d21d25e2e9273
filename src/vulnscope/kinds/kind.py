"""A kind of study as a declaration, from which its command, its Python verb, its run and its page are made.

A study is one folder with a `kind.py` and one line in the registry. `kind.py` imports nothing of the study: its config
and whatever works are named as `module:attribute` and imported on use, so that listing kinds stays light.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

if TYPE_CHECKING:
    from rich.console import Console

    from vulnscope.records.base import Record

Input = Literal["subject", "endpoint", "against", "corpus", "run"]
_SECTIONS = {
    "subject": "vulnscope.records.requests:SubjectRequest",
    "corpus": "vulnscope.records.requests:CorpusRequest",
}
R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Finished(Generic[R]):
    """A finished run: its record and the folder it lies in."""

    record: R
    folder: Path

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.folder / "report.html"


@dataclass(frozen=True, kw_only=True)
class Option:
    """How a field of a config is called and explained on the command line, where it differs from the field."""

    field: str
    name: str = ""
    """As the command line has it; the field's own name by default."""
    help: str = ""
    """The field's description by default."""
    metavar: str | None = None
    least: float | None = None
    most: float | None = None
    """Bounds that are shown, where they are not the field's."""
    path: Literal["", "any", "file", "folder"] = ""
    is_argument: bool = False
    missing: str = ""
    """What is said where it is left out of a new run; empty where it may be."""
    needs: str = ""
    """Option without which this one would say nothing, so that it is refused."""
    default: Any = None
    type: Any = None
    """Of a word to the command alone, which is no field of the config."""

    @property
    def key(self) -> str:
        """Name of the option as Python has it."""
        return self.name or self.field


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of run. Strings in the form `module:attribute` are resolved on use."""

    name: str
    """Of its runs, as in `20260131-120000-patch-1a2b`."""
    config: str | type[Record]
    """Class of its settings; `config_type` is the class itself."""
    record: str
    page: str
    """`(record) -> Page`, written as HTML and for a terminal."""
    run: str
    """`(context) -> record`: the work, in `context.run`."""
    check: str = ""
    """`(context) -> anything`: refuses what cannot work before a run is made; what it finds is `context.checked`."""
    forecast: str = ""
    """`(context) -> record` of what the run would take; asks nothing of the model but one batch."""
    forecast_page: str = ""
    """`(forecast) -> Page`."""
    note_page: str = ""
    """`(noted) -> Page` of what `run` notes under way, for stderr."""
    aside: str = ""
    """`(context, **words) -> record | None`: what is shown in place of a run where words to the command ask for it."""
    aside_page: str = ""
    """`(record) -> Page` of that."""
    result: str = ""
    """Class of what the verb returns, where it has more than record and folder: made by its `complete`."""
    has_findings: str = ""
    """`(record) -> bool`: whether the command ends with exit status 1."""
    command: str = ""
    """Words of its command, such as `steer apply`; empty where it has none of its own."""
    help: str = ""
    verb: str = ""
    """What its Python verb says; empty where it has none that is generated."""
    dry_run_help: str = "Print what it would take; make no run."
    inputs: tuple[Input, ...] = ("subject", "corpus")
    section: str = ""
    """Where a request holds the config; the name by default."""
    options: tuple[str | Option, ...] | None = None
    """In the order of the help; every field that no group of options has, where it is None."""
    resumes: Literal["rows", "checkpoint", "not"] = "rows"
    is_cached: bool = False
    """Whether answers of earlier runs are taken."""
    begin: str = ""
    """`(words) -> sections of a request` that the command line starts from, by the options that are no fields."""
    variants: tuple[str, ...] = ()
    """Kinds that the same command runs instead, where their option is given or their run is continued."""
    chosen_by: str = ""
    """Of a variant: the option that asks for it."""
    is_resumed_by_kind: bool = True
    """Of a variant: whether its runs are continued without that option."""
    refuses: str = ""
    """Of a variant: why it takes no other options of the command than its own."""
    asked: str | type[Record] = field(default="", repr=False)
    """Class of the request, where it has more than the inputs and the config."""

    @cached_property
    def request(self) -> type[Record]:
        """What is stored in a run: its inputs and its settings."""
        if self.asked:
            return cast("type[Record]", load(self.asked))
        if not self.place:
            return self.config_type
        from pydantic import Field, create_model

        from vulnscope.records.base import Record

        config = self.config_type
        sections: dict[str, Any] = {name: (load(_SECTIONS[name]), ...) for name in self.inputs if name in _SECTIONS}
        is_complete = not any(found.is_required() for found in config.model_fields.values())
        sections[self.place] = (config, Field(default_factory=config) if is_complete else ...)
        name = f"{self.name.title().replace('-', '')}Request"
        return create_model(name, __base__=Record, **sections)

    @cached_property
    def config_type(self) -> type[Record]:
        """Class of its settings."""
        return cast("type[Record]", load(self.config))

    @cached_property
    def selection(self) -> frozenset[str]:
        """Fields that choose samples and prompts, as all studies of a corpus have them; empty where it has none."""
        from vulnscope.ask.settings import Selection

        return frozenset(Selection.model_fields if issubclass(self.config_type, Selection) else ())

    @cached_property
    def own_options(self) -> tuple[Option, ...]:
        """Its options beside those of its inputs and of the choice of samples, in the order of its help."""
        named = self.options
        if named is None:
            named = tuple(name for name in self.config_type.model_fields if name not in self.selection)
        return tuple(Option(field=each) if isinstance(each, str) else each for each in named)

    @property
    def place(self) -> str:
        """Field of the request that holds the settings; empty where the request is the settings."""
        return (self.section or self.name) if _SECTIONS.keys() & set(self.inputs) else ""

    def settings_of(self, request: Record) -> Any:
        """The settings in a request."""
        return getattr(request, self.place) if self.place else request

    @property
    def record_type(self) -> type[Record]:
        """Class of its results."""
        return cast("type[Record]", load(self.record))

    def render(self, record: Record) -> str:
        """The page of a result, as HTML."""
        from vulnscope.report.write_html import write_html

        return write_html(load(self.page)(record))

    def print(self, record: Record, console: Console) -> None:
        """The same result for a terminal."""
        print_page(self.page, record, console)


def print_page(home: str, found: Any, console: Console) -> None:
    """What `found` says in a terminal, on the page that `home` makes of it."""
    from vulnscope.report.write_terminal import write_terminal

    write_terminal(load(home)(found), console)


def load(home: str | type[Record]) -> Any:
    """What `module:attribute` names; a class is itself."""
    if not isinstance(home, str):
        return home
    module, _, attribute = home.partition(":")
    return getattr(import_module(module), attribute)
