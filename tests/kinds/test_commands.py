"""What a declaration becomes on the command line, and how a run of it is carried out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest
import typer
from pydantic import Field
from typer.testing import CliRunner

from vulnscope.api.carry_out import carry_out
from vulnscope.cli.kinds import make_command
from vulnscope.errors import InputError
from vulnscope.kinds.context import Context
from vulnscope.kinds.kind import Kind, Option
from vulnscope.records.base import Record


class Paint(Record):
    """How a wall is painted."""

    shade: Literal["light", "dark"] = Field(default="light", description="light or dark")
    hues: tuple[str, ...] = Field(default=("red",), description="colours")
    coats: int = Field(default=1, ge=1, le=5, description="layers of paint")
    thickness: float | None = Field(default=None, gt=0)
    is_glossy: bool = Field(default=False, description="whether it shines")
    primer: bool = Field(default=True, description="whether it gets a primer")
    note: str | None = Field(default="wet", description="what a sign says")
    sizes: tuple[tuple[str, str], ...] = Field(default=(), description="of the wall")
    pattern: str | None = Field(default=None, description="file of a pattern")


class Painted(Record):
    """What was painted."""

    sentence: str
    config: dict[str, object]


def run(context: Context[Paint]) -> Painted:
    context.run.append([{"coat": number} for number in range(context.settings.coats)])
    return Painted(sentence="painted", config=context.settings.model_dump(mode="json"))


def page(record: Painted) -> Any:
    from vulnscope.report.page import Page

    return Page("Paint", "paint", record.sentence)


def shines(record: Painted) -> bool:
    return bool(record.config["is_glossy"])


HERE = __name__
PAINT = Kind(
    name="paint",
    command="paint",
    help="Paint a wall.",
    config=Paint,
    inputs=(),
    record=f"{HERE}:Painted",
    run=f"{HERE}:run",
    page=f"{HERE}:page",
    has_findings=f"{HERE}:shines",
    resumes="not",
    options=(
        "shade",
        Option(field="hues", name="hue", help="A colour; repeatable."),
        "coats",
        Option(field="thickness", help="In millimetres.", least=0.1, needs="hue"),
        Option(field="is_glossy", name="gloss"),
        "primer",
        "note",
        Option(field="sizes", name="size"),
        Option(field="pattern", path="file"),
    ),
)


@pytest.fixture
def paint() -> Any:
    app = typer.Typer()
    app.command("paint")(make_command(PAINT))

    def ask(*arguments: str) -> Any:
        return CliRunner().invoke(app, [*arguments, "--runs-dir", "walls"], env={"COLUMNS": "150"})

    return ask


def settings_of(done: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["config"]
    return found


def test_what_is_left_out_is_the_default_of_the_field(paint: Any) -> None:
    done = paint("--json")
    assert (done.exit_code, settings_of(done)) == (0, Paint().model_dump(mode="json"))


def test_every_sort_of_field_is_an_option(paint: Any) -> None:
    given = "--shade dark --hue blue --hue green --coats 3 --thickness 0.5 --no-primer --size a=1 --pattern p"
    done = paint(*given.split(), "--note", "", "--json")
    assert settings_of(done) == {
        "shade": "dark",
        "hues": ["blue", "green"],
        "coats": 3,
        "thickness": 0.5,
        "is_glossy": False,
        "primer": False,
        "note": None,
        "sizes": [["a", "1"]],
        "pattern": "p",
    }


def test_help_is_the_description_unless_the_declaration_says_otherwise(paint: Any) -> None:
    said = re.sub(r"[│\s]+", " ", paint("--help").stdout)
    for words in (
        "Light or dark.",
        "A colour; repeatable.",
        "Layers of paint.",
        "1<=x<=5",
        "x>=0.1",
        "--primer --no-primer",
        "KEY=VALUE",
    ):
        assert words in said
    assert "--resume" not in said
    assert "--no-gloss" not in said


def test_what_does_not_fit_makes_no_run(paint: Any) -> None:
    assert paint("--coats", "6").exit_code == 2
    with pytest.raises(InputError, match="shade 'grey': Input should be 'light' or 'dark'"):
        raise paint("--shade", "grey").exception
    with pytest.raises(InputError, match="--thickness means nothing without --hue"):
        raise paint("--thickness", "1").exception
    assert not Path("walls").exists()


def test_findings_are_exit_status_one_and_the_run_is_kept(paint: Any) -> None:
    assert paint("--gloss", "--coats", "2").exit_code == 1
    (made,) = Path("walls").iterdir()
    assert len((made / "rows.jsonl").read_text().splitlines()) == 2
    assert "painted" in (made / "report.html").read_text()


def test_a_kind_that_cannot_be_continued_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a paint run cannot be continued"):
        carry_out(Context(PAINT, Paint(), tmp_path, resume="some"))
