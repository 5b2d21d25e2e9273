"""What may be given beside --resume: one mechanism for every option of every command that resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from vulnscope.audit.config import AuditRequest
from vulnscope.audit.kind import AUDIT
from vulnscope.cli import app
from vulnscope.cli.resume_check import FREE, choose_request, find_field, validate
from vulnscope.errors import InputError
from vulnscope.kinds.kind import Kind
from vulnscope.patch.kind import PATCH
from vulnscope.probe.kind import PROBE
from vulnscope.steer.kind import APPLY, STEER
from vulnscope.study.kind import REPRODUCTION, STUDY

KINDS: dict[tuple[str, ...], Kind] = {
    ("audit",): AUDIT,
    ("probe",): PROBE,
    ("patch",): PATCH,
    ("steer", "sweep"): STEER,
    ("steer", "apply"): APPLY,
    ("study",): STUDY,
}
# The kind of run says whether it is of a preset; a text makes no run.
ELSEWHERE = {("study",): {"preset"}, ("steer", "apply"): {"text", "tokens"}}


def find_command(path: tuple[str, ...]) -> Any:
    command: Any = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
        command = getattr(command, "whole", command)
    return command


@pytest.mark.parametrize("path", KINDS, ids=" ".join)
def test_every_option_is_compared_or_free(path: tuple[str, ...]) -> None:
    names = {parameter.name for parameter in find_command(path).params}
    placeless = {name for name in names if find_field(KINDS[path], name) is None}
    assert placeless == (names & FREE) | ELSEWHERE.get(path, set())


def test_what_an_option_is_called_in_a_request() -> None:
    assert find_field(AUDIT, "part") == "audit.parts"
    assert find_field(AUDIT, "option") == "corpus.options"
    assert find_field(AUDIT, "api_key_env") == "subject.endpoint.key_variable"
    assert find_field(PROBE, "folds") == "probe.n_folds"
    assert find_field(REPRODUCTION, "seed") == "preset.seed"
    assert find_field(REPRODUCTION, "dtype") == "subject.dtype"
    assert find_field(AUDIT, "timeout") is None


class TestResume:
    """A stored run of seed 3 at an endpoint, continued by a command with few options."""

    @pytest.fixture
    def ask(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        stored = AuditRequest.model_validate(
            {
                "subject": {"name": "m", "endpoint": {"url": "http://127.0.0.1:1/v1", "key_variable": "KEY"}},
                "corpus": {"name": "sven"},
                "audit": {"seed": 3},
            }
        )
        monkeypatch.setattr("vulnscope.api.carry_out.read_stored", lambda *_: stored)
        command = typer.Typer()
        got: list[AuditRequest] = []

        @command.command()
        def audit(
            context: typer.Context,
            model: str = "",
            corpus: str = "synthetic",
            seed: int = 0,
            dtype: str = "auto",
            api_key_env: str | None = None,
            timeout: float = 1.0,
            resume: str | None = None,
        ) -> None:
            del api_key_env, timeout
            settings = {
                "subject": {"name": model, "dtype": dtype},
                "corpus": {"name": corpus},
                "audit": {"seed": seed},
            }
            got.append(choose_request(context, AUDIT, settings, resume, Path("runs")))

        def run(*arguments: str) -> AuditRequest:
            CliRunner().invoke(command, list(arguments), catch_exceptions=False)
            return got.pop()

        run.stored = stored  # type: ignore[attr-defined]
        return run

    @pytest.mark.parametrize(
        "arguments",
        [(), ("--seed", "3"), ("--corpus", "sven", "--model", "m"), ("--api-key-env", "KEY"), ("--timeout", "9")],
    )
    def test_what_agrees_or_is_free_goes_on_as_stored(self, arguments: tuple[str, ...], ask: Any) -> None:
        assert ask("--resume", "r", *arguments) == ask.stored

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("--seed", "0"), "seed: 3 in the run, 0 now"),  # the default counts where it is written out
            (("--corpus", "synthetic"), "corpus: 'sven' in the run, 'synthetic' now"),
            (("--api-key-env", "OTHER"), "api_key_env: 'KEY' in the run, 'OTHER' now"),
            (
                ("--dtype", "float32", "--model", "n"),
                "dtype: 'auto' in the run, 'float32' now; model: 'm' in the run, 'n",
            ),
        ],
    )
    def test_what_disagrees_is_named(self, arguments: tuple[str, ...], words: str, ask: Any) -> None:
        with pytest.raises(InputError) as caught:
            ask("--resume", "r", *arguments)
        assert words in str(caught.value)
        assert "start a new run without --resume" in str(caught.value)

    def test_a_new_run_needs_a_model(self, ask: Any) -> None:
        with pytest.raises(InputError, match="name a MODEL: a Hub id, a local folder, or `organism`"):
            ask()
        assert ask("--model", "m").subject.name == "m"

    def test_settings_that_do_not_fit_are_named(self, ask: Any) -> None:
        with pytest.raises(InputError, match=r"audit\.seed -1: Input should be greater than or equal to 0"):
            ask("--model", "m", "--seed", "-1")


def test_options_that_do_not_combine_are_told_without_the_whole_request() -> None:
    steer = {"operation": "clamp", "keep_norm": True}
    with pytest.raises(InputError) as told:
        validate(
            STEER.request,
            {"subject": {"name": "organism"}, "corpus": {"name": "synthetic"}, "steer": steer},
        )
    assert str(told.value) == "keep_norm belongs to the operation add"


def test_a_value_that_does_not_fit_is_named_with_its_place() -> None:
    with pytest.raises(InputError, match=r"^subject\.endpoint\.url 'x': an endpoint begins with http"):
        validate(AuditRequest, {"subject": {"name": "m", "endpoint": {"url": "x"}}})
    with pytest.raises(InputError, match=r"^corpus: Field required$"):
        validate(STEER.request, {"subject": {"name": "m"}})
