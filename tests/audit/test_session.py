"""Runs of rows that were made without a model: one per model of a table, and a finished one read anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import make_corpus, make_pairs

from vulnscope.audit import session
from vulnscope.audit.config import AuditConfig
from vulnscope.audit.requests import AuditRequest, CorpusRequest, SubjectRequest
from vulnscope.audit.rescore import PublishedAnswer
from vulnscope.audit.session import Job, import_table, open_asked, rescore_run
from vulnscope.errors import InputError
from vulnscope.models.remote.settings import EndpointSpec
from vulnscope.records.answers import Expectation
from vulnscope.records.audit import AuditRecord
from vulnscope.store import load_run

CORPUS = make_corpus(make_pairs(6))


def make_request(config: AuditConfig, endpoint: EndpointSpec | None = None) -> AuditRequest:
    return AuditRequest(
        subject=SubjectRequest(name="t", endpoint=endpoint), corpus=CorpusRequest(name="made"), audit=config
    )


def make_job(root: Path, parser: str = "strict") -> Job:
    config = AuditConfig(parser=parser, protocol="imported:verdict", n_bootstrap=200)
    return Job(make_request(config), config, CORPUS, None, root, command="vulnscope import t")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, ...]:
    """Two models: one right about everything in a form, one that says in words what only keywords read."""
    answers = []
    for sample in CORPUS.samples:
        is_vulnerable = sample.label == "vulnerable"
        texts = {
            "careful": "VERDICT: VULNERABLE" if is_vulnerable else "VERDICT: SECURE",
            "chatty": "This code is vulnerable." if is_vulnerable else "This code is not vulnerable.",
        }
        answers += [
            PublishedAnswer(model=model, item=sample.id, prompt="p", answer=text) for model, text in texts.items()
        ]
    return import_table(answers, make_job(tmp_path), Expectation(form="verdict"), None)


def read(folder: Path) -> AuditRecord:
    return load_run(folder, folder.parent).result(AuditRecord)


def test_each_model_of_a_table_has_a_run_of_its_own(folders: tuple[Path, ...]) -> None:
    careful, chatty = map(read, folders)
    assert [record.subject.name for record in (careful, chatty)] == ["careful", "chatty"]
    assert careful.subject.subject_digest != chatty.subject.subject_digest
    assert careful.overall.pair_correct.value == 1.0
    assert chatty.overall.unparsed_rate.value == 1.0
    assert careful.command == "vulnscope import t"
    assert all((folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>") for folder in folders)
    assert len(list(load_run(folders[0], folders[0].parent).iter_rows())) == 12


def test_a_finished_run_is_read_anew_in_a_run_of_its_own(folders: tuple[Path, ...], tmp_path: Path) -> None:
    stored = load_run(folders[1], tmp_path)
    folder = rescore_run(stored, make_job(tmp_path, "keyword"), "keyword", None)
    assert folder not in folders
    again = read(folder)
    assert again.overall.unparsed_rate.value == 0.0
    assert again.overall.pair_correct.value == 1.0
    assert again.subject == read(folders[1]).subject
    assert read(folders[1]).overall.unparsed_rate.value == 1.0


def test_an_endpoint_is_not_told_how_a_local_model_chats() -> None:
    endpoint = EndpointSpec(url="http://127.0.0.1:9")
    request = make_request(AuditConfig(chat=True), endpoint)
    with pytest.raises(InputError, match="chat is for local models"), open_asked(request, is_cached=False):
        raise AssertionError("it must not open")
    unset = make_request(AuditConfig(), endpoint.model_copy(update={"key_variable": "NO_SUCH_KEY"}))
    with pytest.raises(InputError, match="NO_SUCH_KEY is not set"), open_asked(unset, is_cached=False):
        raise AssertionError("it must not open")


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_local_model_opens_when_it_is_asked_for(
    is_cached: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []
    monkeypatch.setenv("VULNSCOPE_CACHE", str(tmp_path))
    monkeypatch.setattr(session.models, "open_subject", lambda **options: options["name"])
    monkeypatch.setattr(session, "ask_locally", lambda *given: opened.append(given) or "asked")
    request = make_request(AuditConfig())
    with open_asked(request, is_cached=is_cached) as opening:
        assert opened == []
        assert opening() == "asked"
    ((subject, config, cache),) = opened
    assert (subject, config, cache is not None) == ("t", request.audit, is_cached)
