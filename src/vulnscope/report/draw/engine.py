"""The template engine of every page: it escapes each text that is no `Markup`, and knows no name by accident."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from vulnscope.report.visible import show_invisible


def make_environment() -> Environment:
    """An engine to which a writer adds what its templates call."""
    return Environment(
        loader=PackageLoader("vulnscope.report"),
        autoescape=True,
        finalize=_show_invisible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _show_invisible(value: object) -> object:
    # Markup is our own text or escaped already; every other string comes from a record.
    return show_invisible(value) if type(value) is str else value
