"""`vulnscope steer`: fit directions, sweep them beside their controls, apply what was chosen, show a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from vulnscope.cli.apply import apply
from vulnscope.cli.common import command_line, print_json, show_record, stderr, stdout
from vulnscope.cli.options import (
    Json,
    Resume,
    RunsDir,
    build_settings,
    corpus_options,
    model_options,
    selection_options,
    takes,
)
from vulnscope.cli.progress import staged_progress
from vulnscope.cli.requests import choose_request, validate_new

if TYPE_CHECKING:
    from vulnscope.records.steer import Agreement, VectorFile

app = typer.Typer(no_args_is_help=True)
app.command()(apply)

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
Operation = Annotated[str, typer.Option(help="add, project-out, clamp or scale-component.")]
Scale = Annotated[list[float] | None, typer.Option(help="A scale to try beside 0; repeatable.")]
Unit = Annotated[str, typer.Option(help="norm: scales count median activation norms; raw: vectors as they are.")]
KeepNorm = Annotated[bool, typer.Option("--keep-norm", help="Keep the norm of each activation (add only).")]
Force = Annotated[bool, typer.Option("--force", help="Take vectors that were found in another model.")]


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
    from vulnscope.api.steering import SteerRequest, fit_vectors

    study = {
        **_methods(method, selector),
        "layers": layers,
        "layout": layout,
    }
    request = validate_new(SteerRequest, build_settings("steer", context, study))
    found = fit_vectors(request, out)
    if as_json:
        print_json(found)
        return
    stdout.print(_agreement_table(found.agreement))
    stdout.print()
    stdout.print(_vector_table(found))


@app.command()
@takes(model_options, corpus_options, selection_options)
def sweep(
    context: typer.Context,
    method: Method = None,
    layers: Layers = "all",
    layout: Layout = "each",
    selector: SelectorOption = None,
    operation: Operation = "add",
    scale: Scale = None,
    unit: Unit = "norm",
    keep_norm: KeepNorm = False,
    choose_by: Annotated[str, typer.Option(help="What the choose groups maximise: pair-correct or auroc.")] = (
        "pair-correct"
    ),
    preface: Annotated[
        str | None, typer.Option(help="Line before each question for prompt-only; empty: none.", show_default=False)
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Also try the vectors of this file.", dir_okay=False, show_default=False)
    ] = None,
    ordinary: Annotated[
        Path | None, typer.Option(help="Folder of ordinary code for side effects.", file_okay=False, show_default=False)
    ] = None,
    side_effects: Annotated[
        bool, typer.Option("--side-effects/--no-side-effects", help="Measure what it costs elsewhere.")
    ] = True,
    force: Force = False,
    resume: Resume = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: Json = False,
) -> None:
    """Sweep layers, scales and methods over MODEL; report on groups that neither fitted nor chose."""
    from vulnscope.api.steering import SteerRequest, run_steer_request

    study: dict[str, Any] = {
        **_methods(method, selector),
        "layers": layers,
        "layout": layout,
        "operation": operation,
        "unit": unit,
        "keep_norm": keep_norm,
        "choose_by": choose_by,
        "side_effects": side_effects,
        "is_forced": force,
        "vector_file": None if vectors is None else str(vectors),
        "ordinary": None if ordinary is None else str(ordinary),
    }
    if scale:
        study["scales"] = tuple(scale)
    if preface is not None:
        study["preface"] = preface or None
    settings = build_settings("steer", context, study)
    request = choose_request(context, "steer", SteerRequest, settings, resume, runs_dir)
    with staged_progress() as tell:
        result = run_steer_request(
            request,
            runs_dir=runs_dir,
            resume=resume,
            command=command_line(),
            progress=tell,
            on_agreement=lambda found: stderr.print(_agreement_table(found)),
        )
    from vulnscope.report.steer_panels import print_steer

    show_record(result.record, print_steer, result.report, as_json=as_json)


@app.command()
def show(
    path: Annotated[Path, typer.Argument(help="A vector file, or a folder with vectors.safetensors.")],
    as_json: Json = False,
) -> None:
    """Show where the vectors of a file came from."""
    from vulnscope.api.steering import show_vectors

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
    stdout.print()
    stdout.print(_vector_table(found))


def _methods(method: list[str] | None, selector: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if method:
        found["methods"] = tuple(method)
    if selector:
        found["selectors"] = tuple(selector)
    return found


def _agreement_table(rows: tuple[Agreement, ...]) -> Table:
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", title="agreement of pair differences"
    )
    table.title_justify = "left"
    for name in ("site", "tokens", "mean cosine", "pairs", "norm unit"):
        table.add_column(name, justify="left" if name in ("site", "tokens") else "right")
    for row in rows:
        shown = f"{row.mean_cosine:+.3f}" if isinstance(row.mean_cosine, float) else "n/a"
        table.add_row(row.site, row.selector, shown, str(row.n_pairs), f"{row.unit:.2f}")
    return table


def _vector_table(found: VectorFile) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("vector", overflow="fold")
    table.add_column("norm", justify="right")
    table.add_column("norm unit", justify="right")
    for vector in found.vectors:
        table.add_row(Text(vector.name), f"{vector.norm:.3g}", "n/a" if vector.unit is None else f"{vector.unit:.3g}")
    return table
