from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vulnscope.api.audits import estimate_audit
from vulnscope.api.carry_out import run_request
from vulnscope.audit.checks import check_settings
from vulnscope.audit.config import AuditConfig, AuditRequest
from vulnscope.errors import InputError
from vulnscope.prompts import load_prompts

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"protocol": "telepathy"}, "unknown protocol 'telepathy'; choose one of: free-text, .*, yes-no$"),
    ({"preset": "quick"}, "protocol yes-no has no preset 'quick'; it has none"),
    ({"prompts": ("S1",)}, "protocol yes-no has no prompt 'S1'; choose from: direct, "),
    ({"protocol_options": (("top", "3"),)}, "protocol yes-no has no option 'top'; it has no options"),
    ({"parser": "keyword", "repeats": 1}, "--repeats is for answers in words; protocol yes-no "),
    ({"temperatures": (0.5,)}, "--temperature is for answers in words; .* choose another --protocol"),
    ({"max_new_tokens": 9}, "--max-new-tokens is for answers in words"),
    ({"cwes": ("banana",)}, "not a CWE identifier: 'banana'"),
    ({"baseline_corpus": "nowhere"}, "unknown corpus 'nowhere'; choose one of: "),
    ({"protocol": "free-text", "parser": "guess"}, "unknown parser 'guess'; choose one of: keyword, strict"),
    ({"protocol": "secllmholmes", "preset": "quick"}, "has no preset 'quick'; choose one of: hand-crafted, "),
    ({"protocol": "secllmholmes", "prompts": ("S9",)}, "has no prompt 'S9'; choose from: S1, S2, "),
    ({"protocol": "locate", "protocol_options": (("a", "b"),)}, "protocol locate has no option 'a'; it has no options"),
    (
        {"protocol": "which-cwe", "protocol_options": (("tops", "3"),)},
        "protocol which-cwe has no option 'tops'; its options: top, choices, group, catalogue",
    ),
    (
        {"protocol": "which-cwe", "protocol_options": (("top", "x"),)},
        "protocol which-cwe, option top=x: Input should be a valid integer.*; its options: top, ",
    ),
    ({"prompts_file": "nowhere.yaml"}, r"nowhere\.yaml: cannot read prompts"),
]


@pytest.mark.parametrize(("settings", "words"), WRONG)
def test_a_name_that_is_none_is_refused_before_corpus_and_model(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """The corpus has an empty folder and the model is nowhere: neither is looked at."""
    request = AuditRequest.model_validate(
        {
            "subject": {"name": "no/such-model"},
            "corpus": {"name": "folder", "data_dir": str(tmp_path)},
            "audit": settings,
        }
    )
    with pytest.raises(InputError, match=words):
        run_request("audit", request, runs_dir=Path("runs"))
    with pytest.raises(InputError, match=words):
        estimate_audit(request)
    assert not Path("runs").exists()


def test_an_endpoint_is_not_told_how_a_local_model_chats() -> None:
    request = AuditRequest.model_validate(
        {
            "subject": {"name": "t", "endpoint": {"url": "http://127.0.0.1:9"}},
            "corpus": {"name": "synthetic", "options": [["n_pairs", "2"]]},
            "audit": {"protocol": "free-text", "chat": True},
        }
    )
    with pytest.raises(InputError, match="chat is for local models"):
        run_request("audit", request, runs_dir=Path("runs"))
    other = request.audit.model_copy(update={"chat": None, "opened_thought": "keep"})
    with pytest.raises(InputError, match="--opened-thought is for local models"):
        run_request("audit", request.model_copy(update={"audit": other}), runs_dir=Path("runs"))
    assert not Path("runs").exists()


def test_good_names_pass() -> None:
    for settings, is_remote in (
        ({"prompts": ("review", "direct"), "parts": ("any",)}, False),
        ({"prompts": ("direct-secure",), "temperatures": (0.5,), "parser": "keyword"}, True),
        ({"protocol": "secllmholmes", "preset": "determinism", "protocol_options": (("examples", "x"),)}, False),
    ):
        check_settings(AuditConfig.model_validate(settings), is_remote=is_remote)


def test_prompts_are_kept_in_the_order_asked_for() -> None:
    prompts = load_prompts("yes-no")
    kept = prompts.keep(["review", "direct", "review"])
    assert [prompt.name for prompt in kept.prompts] == ["review", "direct"]
    assert kept.canonical.name == "review"
    assert kept.answers == prompts.answers


@pytest.mark.parametrize(("option", "value"), [("adapter", "./lora"), ("quantize", "nf4"), ("trust_remote_code", True)])
def test_options_of_weights_are_refused_for_a_model_behind_an_endpoint(
    option: str, value: object, tmp_path: Path
) -> None:
    request = AuditRequest.model_validate(
        {
            "subject": {"name": "m", "endpoint": {"url": "http://127.0.0.1:9/v1"}, option: value},
            "corpus": {"name": "folder", "data_dir": str(tmp_path)},
        }
    )
    words = rf"^--{option.replace('_', '-')} is for weights that are opened here; m answers behind http://127"
    with pytest.raises(InputError, match=words):
        estimate_audit(request)
    with pytest.raises(InputError, match=words):
        run_request("audit", request, runs_dir=tmp_path)
