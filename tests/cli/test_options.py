"""Options that are said once and reach every command that takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from tests.cli.conftest import Done
from tests.cli.test_resume_check import KINDS, find_command
from typer.testing import CliRunner

from vulnscope.cli.kinds import list_parameters, read_settings
from vulnscope.cli.options import corpus_options, model_options, read_group, selection_options, takes
from vulnscope.registry import list_names


def colour_options(
    shade: Annotated[list[str] | None, typer.Option("--hue", help="A hue; repeatable.")] = None,
    depth: Annotated[int, typer.Option(help="How deep.", min=1)] = 8,
) -> dict[str, Any]:
    """How it is painted."""
    return {"shades": tuple(shade or ()), "depth": depth}


@pytest.fixture
def paint() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @takes(colour_options)
    def paint(context: typer.Context, wall: Annotated[str, typer.Argument(help="Which.")], twice: bool = False) -> None:
        """Paint a WALL."""
        typer.echo(json.dumps([wall, twice, read_group(context, colour_options)]))

    return app


def test_a_command_gets_its_own_options_and_the_settings_of_its_groups(paint: typer.Typer) -> None:
    done = CliRunner().invoke(paint, ["north", "--twice", "--hue", "red", "--hue", "blue", "--depth", "3"])
    assert json.loads(done.stdout) == ["north", True, {"shades": ["red", "blue"], "depth": 3}]
    assert json.loads(CliRunner().invoke(paint, ["south"]).stdout) == ["south", False, {"shades": [], "depth": 8}]
    assert CliRunner().invoke(paint, ["north", "--depth", "0"]).exit_code == 2


def test_its_help_shows_each_group_in_a_panel(paint: typer.Typer) -> None:
    shown = CliRunner().invoke(paint, ["--help"]).stdout
    assert "Paint a WALL." in shown
    assert shown.index("--twice") < shown.index("Colour options") < shown.index("--hue")


@pytest.mark.parametrize("path", KINDS, ids=" ".join)
def test_all_studies_take_the_same_models_corpora_and_samples(path: tuple[str, ...]) -> None:
    names = {parameter.name for parameter in find_command(path).params}
    for group in (model_options, corpus_options, selection_options):
        assert names.issuperset(name for name in group.__annotations__ if name != "return")


def test_what_is_given_reaches_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[dict[str, Any]] = []
    app = typer.Typer()

    @app.command()
    @takes(model_options, corpus_options, selection_options, more=list_parameters(KINDS["probe",], "layers"))
    def ask(context: typer.Context) -> None:
        got.append(read_settings(context, KINDS["probe",], {}))

    given = "m --layer 1 --dtype bfloat16 --layers-path a.b --data-dir d --option x=1 --part real --prompt a --limit 4"
    assert CliRunner().invoke(app, given.split()).exit_code == 0
    (settings,) = got
    request = KINDS["probe",].request.model_validate(settings)
    asked = request.model_dump(exclude_defaults=True)
    assert asked["subject"] == {"name": "m", "dtype": "bfloat16", "layers_path": "a.b"}
    assert asked["corpus"] == {"name": "synthetic", "data_dir": "d", "options": (("x", "1"),)}
    assert asked["probe"] == {"parts": ("real",), "prompts": ("a",), "limit": 4, "layers": (1,)}


@pytest.mark.parametrize("command", [("probe",), ("patch",), ("steer", "sweep"), ("study",)], ids=" ".join)
def test_an_unknown_part_is_told_by_every_study(
    run_command: Callable[..., Done], tiny_model: Path, twins: Path, command: tuple[str, ...]
) -> None:
    done = run_command(*command, tiny_model, "--corpus", "folder", "--data-dir", twins, "--part", "nowhere")
    assert done.status == 2
    assert "nowhere" in done.err
    assert not Path("runs").exists()


def test_a_name_twice_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="duplicate parameter name"):
        takes(colour_options, colour_options)(lambda: None)


def test_typer_reads_the_groups_of_every_command() -> None:
    options = {option.name: option for option in find_command(("audit",)).params}
    assert options["endpoint"].rich_help_panel == "Endpoint options"
    assert options["quantize"].rich_help_panel == "Model options"
    assert options["protocol"].rich_help_panel is None


@pytest.mark.parametrize(
    ("path", "option", "kind"),
    [
        (("audit",), "protocol", "protocol"),
        (("audit",), "parser", "parser"),
        (("steer", "sweep"), "method", "steering"),
        (("study",), "change", "transformation"),
    ],
)
def test_help_names_every_choice(path: tuple[str, ...], option: str, kind: str) -> None:
    (found,) = (parameter for parameter in find_command(path).params if parameter.name == option)
    assert set(list_names(kind)) <= set(re.findall(r"[\w-]+", found.help))
