from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.ask.builders import begin_run, make_pairs, tiny_subject
from tests.tolerances import close_to

from vulnscope.ask.answer_cache import ScoreMemory
from vulnscope.ask.asking import answer_all, ask
from vulnscope.ask.scored import asking
from vulnscope.ask.scored.asking import YesNoInquiry
from vulnscope.ask.scored.preparation import Prepared, prepare
from vulnscope.ask.scored.yes_no import YesNoProtocol
from vulnscope.errors import RunError
from vulnscope.models import BackOff, Subject, add, edited, replace
from vulnscope.prompts import load_prompts
from vulnscope.records.base import Record
from vulnscope.records.rows import VerdictRow
from vulnscope.store import AnswerCache

BATCH_TOKENS = 250

Outcome = tuple[Path, tuple[VerdictRow, ...]]


class Settings(Record):
    pass


@pytest.fixture(scope="module")
def subject() -> Subject:
    return tiny_subject()


@pytest.fixture(scope="module")
def protocol(subject: Subject) -> YesNoProtocol:
    return YesNoProtocol(load_prompts("yes-no"), subject.tokenizer)


@pytest.fixture(scope="module")
def prepared(protocol: YesNoProtocol) -> Prepared:
    return prepare(protocol, make_pairs(4), 1024)


@pytest.fixture
def ask_in(subject: Subject, protocol: YesNoProtocol, prepared: Prepared, tmp_path: Path) -> Callable[..., Outcome]:
    def run_it(
        name: str = "runs", *, resume: Path | None = None, cache: AnswerCache | None = None, progress: Any = None
    ) -> tuple[Path, tuple[VerdictRow, ...]]:
        inquiry = YesNoInquiry(subject, protocol, prepared, ScoreMemory(cache, subject), BATCH_TOKENS)
        with begin_run(tmp_path / name, Settings(), resume=resume) as run:
            return run.path, ask(inquiry, run, progress)

    return run_it


def test_rows_are_those_of_plain_forwards(
    subject: Subject, protocol: YesNoProtocol, prepared: Prepared, ask_in: Any
) -> None:
    _, rows = ask_in()
    assert [row.sample for row in rows] == [sample.id for sample in prepared.samples]
    for row, packed in zip(rows, prepared.requests.packed, strict=True):
        request = packed.unpack()
        for reading, prompt, answers in zip(row.readings, request.prompts, packed.answers, strict=True):
            yes, no = (_plain_log_odds(subject, prompt, answers, side) for side in ("yes", "no"))
            assert reading.log_odds == close_to(yes - no)
        assert row.margin == pytest.approx((row.readings[0].log_odds - row.readings[1].log_odds) / 2)


@torch.inference_mode()
def _plain_log_odds(subject: Subject, prompt: tuple[int, ...], answers: Any, side: str) -> float:
    """log of the summed probabilities of the answer's forms, each by a forward of its own."""
    found = []
    for sequence, answer in zip(answers.sequences, answers.answers, strict=True):
        if answer == side:
            logits = subject.model(torch.tensor([[*prompt, *sequence]])).logits[0].log_softmax(-1)
            steps = [logits[len(prompt) - 1 + place, token] for place, token in enumerate(sequence)]
            found.append(torch.stack(steps).sum())
    return float(torch.stack(found).logsumexp(0))


def test_a_caller_without_a_run_gets_the_same_rows(
    subject: Subject, protocol: YesNoProtocol, prepared: Prepared, ask_in: Any
) -> None:
    assert answer_all(YesNoInquiry(subject, protocol, prepared, max_batch_tokens=BATCH_TOKENS)) == ask_in()[1]


def test_progress_ends_with_all_rows(ask_in: Any) -> None:
    steps: list[tuple[int, int]] = []
    ask_in(progress=lambda done, total: steps.append((done, total)))
    assert len(steps) > 2
    assert steps == sorted(steps)
    assert steps[-1] == (8, 8)


@pytest.mark.parametrize("n_batches_before", [0, 1, 2])
def test_an_interrupted_run_resumes_to_the_same_bytes(
    ask_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_batches_before: int
) -> None:
    whole, rows = ask_in("whole")
    score_batch = asking.score_batch
    calls: list[int] = []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) > n_batches_before:
            raise KeyboardInterrupt
        return score_batch(*args, **kwargs)

    monkeypatch.setattr(asking, "score_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask_in("broken")
    monkeypatch.setattr(asking, "score_batch", score_batch)
    (folder,) = (tmp_path / "broken").iterdir()
    resumed, again = ask_in("broken", resume=folder)
    assert (resumed / "rows.jsonl").read_bytes() == (whole / "rows.jsonl").read_bytes()
    assert again == rows


def test_a_finished_run_asks_nothing_more(ask_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, rows = ask_in()
    monkeypatch.setattr(asking, "score_batch", None)
    assert ask_in(resume=folder)[1] == rows


def test_other_requests_are_refused(ask_in: Any, subject: Subject, protocol: YesNoProtocol, tmp_path: Path) -> None:
    folder, _ = ask_in()
    fewer = prepare(protocol, make_pairs(3), 1024)
    with (
        begin_run(tmp_path / "runs", Settings(), resume=folder) as run,
        pytest.raises(RunError, match="begun with other prompts, samples or tokens"),
    ):
        ask(YesNoInquiry(subject, protocol, fewer), run)


def test_answers_are_remembered_across_runs(ask_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        _, rows = ask_in("first", cache=cache)
        monkeypatch.setattr(asking, "score_batch", None)
        _, again = ask_in("second", cache=cache)
    assert again == rows


def test_answers_under_edits_are_remembered_apart(ask_in: Any, subject: Subject, tmp_path: Path) -> None:
    vector = torch.arange(subject.architecture.d_model, dtype=torch.float32) - 3.0
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        _, clean = ask_in("clean", cache=cache)
        with edited(subject, [add(1, vector, unit="raw")]):
            _, changed = ask_in("changed", cache=cache)
            _, again = ask_in("again", cache=cache)
        # A function without a digest: nothing is known of what it does, so nothing is remembered.
        with edited(subject, [replace(1, lambda hidden: 0.5 * hidden, "all")]):
            _, halved = ask_in("halved", cache=cache)
        with edited(subject, [replace(1, lambda hidden: 0.25 * hidden, "all")]):
            _, quartered = ask_in("quartered", cache=cache)
    assert again == changed
    margins = [tuple(row.margin for row in rows) for rows in (clean, changed, halved, quartered)]
    assert len(set(margins)) == 4


def test_only_unknown_answers_are_asked(
    subject: Subject,
    protocol: YesNoProtocol,
    ask_in: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        with begin_run(tmp_path / "few", Settings()) as run:
            few = prepare(protocol, make_pairs(1), 1024)
            ask(YesNoInquiry(subject, protocol, few, ScoreMemory(cache, subject)), run)
        n_asked: list[int] = []
        score_batch = asking.score_batch
        monkeypatch.setattr(
            asking,
            "score_batch",
            lambda s, chosen, *a, **k: n_asked.append(len(chosen)) or score_batch(s, chosen, *a, **k),
        )
        _, rows = ask_in("all", cache=cache)
    assert sum(n_asked) == 6
    _, fresh = ask_in("fresh")
    assert [row.margin for row in rows] == close_to([row.margin for row in fresh])


def test_back_off_is_recorded_and_repeated(ask_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score_batch = asking.score_batch
    parts: list[tuple[int, int]] = []

    def tight(subject: Subject, chosen: Any, max_tokens: int, on_backoff: Any) -> Any:
        """Memory for one request at a time, as the engine would find out."""
        parts.append((len(chosen), max_tokens))
        if len(chosen) > 1:
            half = len(chosen) // 2
            on_backoff(BackOff(first=0, stop=len(chosen), size=half, max_tokens=max_tokens // 2))
            raise KeyboardInterrupt
        return score_batch(subject, chosen, max_tokens, on_backoff)

    monkeypatch.setattr(asking, "score_batch", tight)
    resume = None
    for _ in range(30):
        try:
            _, rows = ask_in("runs", resume=resume)
            break
        except KeyboardInterrupt:
            (resume,) = (tmp_path / "runs").iterdir()
    assert len(rows) == 8
    assert {n for n, _ in parts[-2:]} == {1}
    assert min(tokens for _, tokens in parts) < BATCH_TOKENS
    monkeypatch.setattr(asking, "score_batch", score_batch)
    _, easy = ask_in("easy")
    assert [row.margin for row in rows] == close_to([row.margin for row in easy])
