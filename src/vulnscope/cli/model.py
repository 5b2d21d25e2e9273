"""`vulnscope model`: look at a model before studying it, and at what flows through it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from vulnscope.cli.common import print_json, stdout
from vulnscope.cli.options import Adapter, Device, Dtype, Json, LayersPath, Quantize, Revision, TrustRemoteCode
from vulnscope.cli.progress import counted_progress
from vulnscope.records.subject import Capability, SubjectReport

app = typer.Typer(no_args_is_help=True)


@app.command()
def inspect(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, local folder, or organism.")],
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    quantize: Quantize = None,
    adapter: Adapter = None,
    trust_remote_code: TrustRemoteCode = False,
    layers_path: LayersPath = None,
    batch: Annotated[int, typer.Option(min=1, help="Rows of the memory estimate.")] = 8,
    length: Annotated[int, typer.Option(min=1, help="Tokens per row of the memory estimate.")] = 1024,
    as_json: Json = False,
) -> None:
    """Show a model's layers, streams and memory, and what the self-check proved or switched off."""
    from vulnscope import api

    report = api.inspect_model(
        model,
        batch=batch,
        length=length,
        revision=revision,
        device=device,
        dtype=dtype,
        quantize=quantize,
        adapter=adapter,
        trust_remote_code=trust_remote_code,
        layers_path=layers_path,
    )
    if as_json:
        print_json(report)
    else:
        stdout.print(Group(_shape(report), Text(), _capabilities(report), Text(), _memory(report)))


@app.command()
def capture(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, local folder, or organism.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Texts, one per file.", dir_okay=False)],
    output: Annotated[Path, typer.Option(help="Folder for the shards; the same call continues a broken-off one.")],
    site: Annotated[list[str], typer.Option(help="LAYER or LAYER.STREAM, such as 3.mlp_out; may be repeated.")],
    selector: Annotated[str, typer.Option(help="last or all tokens.")] = "last",
    reduce: Annotated[str | None, typer.Option(help="mean, max or last; default: every token.")] = None,
    stored: Annotated[str, typer.Option(help="Stored as bfloat16 or float32.")] = "bfloat16",
    revision: Revision = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    as_json: Json = False,
) -> None:
    """Write the activations of texts at chosen sites to safetensors shards."""
    from vulnscope import api

    subject = api.open_subject(model, revision=revision, device=device, dtype=dtype)
    with counted_progress("capturing") as tell:
        spec = api.capture_files(
            output,
            subject,
            files,
            site,
            selector,
            reduce,
            dtype=stored,
            progress=tell,
        ).spec
    if as_json:
        print_json(spec)
    else:
        stdout.print(Text(f"{spec.n_rows:,} vectors × {len(spec.sites)} sites in {spec.n_shards} shards: {output}"))


def _shape(report: SubjectReport) -> Table:
    origin = report.name + (f" @ {report.revision}" if report.revision else "")
    extras = [f"{report.quantization} weights" if report.quantization else "", f"adapter {report.adapter}"]
    rows = {
        "model": origin,
        "digest": report.subject_digest,
        "architecture": f"{report.architecture}, {report.attention} attention",
        "layers": f"{report.n_layers} × {report.layer_class} at {report.layers_path}",
        "width": f"{report.d_model}, vocabulary {report.vocab_size:,}",
        "context": "no limit" if report.max_positions is None else f"{report.max_positions:,} tokens",
        "parameters": f"{report.n_parameters:,}",
        "dtype": ", ".join(filter(None, [report.dtype, *(extras if report.adapter else extras[:1])])),
        "device": report.device,
        "prompts": "chat template" if report.has_chat_template else "plain (no chat template)",
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def _capabilities(report: SubjectReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for header in ("self-check", "state", "where", "detail"):
        table.add_column(header, overflow="fold")
    for item in report.capabilities.items:
        state = Text("proven", style="green") if item.is_proven else Text("off", style="bold yellow")
        table.add_row(
            Text(item.name.replace("_", " ")), state, Text(_where(item, report.n_layers)), Text(_detail(item))
        )
    return table


def _where(item: Capability, n_layers: int) -> str:
    if item.layers is None or not item.layers:
        return ""
    return "every layer" if len(item.layers) == n_layers else "layers " + ", ".join(map(str, item.layers))


def _detail(item: Capability) -> str:
    if item.reason:
        return item.reason
    if isinstance(item.largest_difference, float):
        return f"differs from the plain forward by at most {item.largest_difference:.1e} nats"
    return ""


def _memory(report: SubjectReport) -> Table:
    memory = report.memory
    rows = {
        "weights": memory.weights_bytes,
        "keys and values": memory.cache_bytes,
        "activations": memory.activations_bytes,
        "answer logits": memory.logits_bytes,
        "together": memory.total_bytes,
        f"free on {report.device}": memory.free_bytes,
    }
    table = Table(box=None, pad_edge=False)
    table.add_column(f"memory for {memory.batch} × {memory.length} tokens")
    table.add_column("MiB", justify="right")
    for name, n_bytes in rows.items():
        table.add_row(name, f"{n_bytes / 2**20:,.1f}")
    return table
