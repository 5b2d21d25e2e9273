"""The `vulnscope` command: one file per group; results on stdout, messages on stderr.

Exit status: 0 fine, 1 findings or a failed check, 2 usage, 3 failure, 130 interrupted. Expected errors print
one paragraph; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys

import typer

from vulnscope.cli import corpus, doctor, model, organism, run, steer
from vulnscope.cli.common import print_error, version_callback
from vulnscope.cli.kinds import add_kinds
from vulnscope.errors import VulnscopeError

_ORDER = (
    *("audit", "probe", "patch", "study", "doctor"),
    *("steer apply", "steer fit", "steer sweep", "steer show"),
    *("run list", "run show", "run report", "run rescore", "run import", "run compare", "run combine"),
)
"""Commands as help lists them; those of other packages follow."""

app = typer.Typer(
    name="vulnscope",
    help="Look inside a code language model: what it says and what it knows about software vulnerabilities.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(version_callback)
app.add_typer(steer.app, name="steer", help="Fit directions, sweep them beside their controls, apply what was chosen.")
app.add_typer(corpus.app, name="corpus", help="List, show and count corpora of vulnerable and fixed code.")
app.add_typer(model.app, name="model", help="Look at a model before studying it.")
app.add_typer(run.app, name="run", help="List, show, compare and combine runs.")
app.add_typer(organism.app, name="organism", help="Train the small embedded model with known properties.")
app.command("doctor")(doctor.doctor)
add_kinds(app, {"steer": steer.app, "run": run.app}, _ORDER)


def main() -> None:
    """Entry point: runs the command and turns expected errors into one paragraph and an exit status."""
    try:
        app()
    except VulnscopeError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output (head, less) left; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
