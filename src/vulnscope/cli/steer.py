"""`vulnscope steer fit` and `show`: vectors in a file; sweeping and applying are kinds of run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vulnscope.cli.common import print_json, stdout
from vulnscope.cli.kinds import list_groups, list_parameters, read_settings
from vulnscope.cli.options import Json, takes
from vulnscope.cli.resume_check import validate_new
from vulnscope.kinds.find import find_kind

app = typer.Typer(no_args_is_help=True)

_STEER = find_kind("steer")


@app.command()
@takes(*list_groups(_STEER), more=list_parameters(_STEER, "methods", "layers", "layout", "selectors"))
def fit(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The safetensors file to write.", dir_okay=False)],
    as_json: Json = False,
) -> None:
    """Fit directions of MODEL on the fit groups of a corpus, and write them with their provenance."""
    from vulnscope.api.steering import fit_vectors
    from vulnscope.report.write_terminal import write_terminal
    from vulnscope.steer.vectors_page import describe_agreement, describe_vectors

    request = validate_new(_STEER.request, read_settings(context, _STEER, {}))
    found = fit_vectors(request, out)
    if as_json:
        print_json(found)
        return
    write_terminal(describe_agreement(found.agreement), stdout)
    write_terminal(describe_vectors(found), stdout)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A vector file, or a folder with vectors.safetensors.")],
    as_json: Json = False,
) -> None:
    """Show where the vectors of a file came from."""
    from vulnscope.api.steering import show_vectors
    from vulnscope.report.write_terminal import write_terminal
    from vulnscope.steer.vectors_page import describe_vectors

    found = show_vectors(path)
    if as_json:
        print_json(found)
        return
    facts = {
        "model": f"{found.subject} (digest {found.subject_digest})",
        "method": found.method,
        "corpus": f"{found.corpus} (digest {found.corpus_digest})",
        "seed": str(found.seed),
        "digest": found.file_digest,
    }
    for name, value in facts.items():
        stdout.print(Text(f"{name:8} {value}"), soft_wrap=True)
    write_terminal(describe_vectors(found), stdout)
