"""`vulnscope steer fit` and `show`: vectors in a file; sweeping and applying are kinds of run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from vulnscope.cli.common import print_json, stdout
from vulnscope.cli.options import (
    Json,
    build_settings,
    corpus_options,
    model_options,
    selection_options,
    takes,
)
from vulnscope.cli.resume_check import validate_new
from vulnscope.kinds.find import find_kind

app = typer.Typer(no_args_is_help=True)

Method = Annotated[
    list[str] | None,
    typer.Option(
        help="mean-difference-paired, mean-difference-unpaired, pca-differences, logistic-direction or gradient; "
        "repeatable. Default: all but gradient."
    ),
]
Layers = Annotated[str, typer.Option(help="final-3, thirds, middle, all, best, or numbers such as 4,12,20.")]
Layout = Annotated[str, typer.Option(help="each layer alone; together with a vector each; shared: one vector for all.")]
SelectorOption = Annotated[
    list[str] | None, typer.Option("--selector", help="Tokens to edit: last, all, code, question, changed; repeatable.")
]


@app.command()
@takes(model_options, corpus_options, selection_options)
def fit(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The safetensors file to write.", dir_okay=False)],
    method: Method = None,
    layers: Layers = "all",
    layout: Layout = "each",
    selector: SelectorOption = None,
    as_json: Json = False,
) -> None:
    """Fit directions of MODEL on the fit groups of a corpus, and write them with their provenance."""
    from vulnscope.api.steering import fit_vectors
    from vulnscope.report.write_terminal import write_terminal
    from vulnscope.steer.vectors_page import describe_agreement, describe_vectors

    study = {
        **_methods(method, selector),
        "layers": layers,
        "layout": layout,
    }
    request = validate_new(find_kind("steer").request, build_settings("steer", context, study))
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


def _methods(method: list[str] | None, selector: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if method:
        found["methods"] = tuple(method)
    if selector:
        found["selectors"] = tuple(selector)
    return found
