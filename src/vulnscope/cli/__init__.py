"""The `vulnscope` command: one file per group; results on stdout, messages on stderr.

Exit status: 0 fine, 1 findings or a failed check, 2 usage, 3 failure, 130 interrupted. Expected errors print
one paragraph; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys

import typer

from vulnscope.cli.commands import MARKUP, Commands
from vulnscope.cli.common import print_error, version_callback
from vulnscope.cli.doctor import doctor
from vulnscope.errors import VulnscopeError

app = typer.Typer(
    name="vulnscope",
    cls=Commands,
    help="Look inside a code language model: what it says and what it knows about software vulnerabilities.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(version_callback)
app.command("doctor")(doctor)


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
