"""A model behind an endpoint: log-probabilities where given, text otherwise, and nothing lost or paid twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.ask.builders import begin_run, make_pairs
from tests.ask.worded.test_texts import STRICT, Settings
from tests.ask.words import open_protocol
from tests.models.remote.server import Recorded, completion, continuation, serve

from vulnscope.ask.asking import ask
from vulnscope.ask.worded.decoding import Decoding
from vulnscope.ask.worded.journal import ReplyJournal
from vulnscope.ask.worded.protocols.base import Context, NoOptions
from vulnscope.ask.worded.protocols.yes_no import as_dialogues, open_yes_no
from vulnscope.ask.worded.remote import RemoteAnswerer, score_labels
from vulnscope.ask.worded.texts import Questions, TextInquiry, gather_questions
from vulnscope.errors import EndpointError
from vulnscope.models.remote import EndpointClient, EndpointSpec
from vulnscope.prompts import load_prompts
from vulnscope.records.answers import AnswerRow
from vulnscope.records.endpoints import Api

PAIRS = make_pairs(3)


def questions(name: str = "free-text", **options: Any) -> Questions:
    return gather_questions(open_protocol(name, PAIRS, **options), PAIRS, Decoding(max_new_tokens=30))


def yes_no() -> Questions:
    from tests.ask.builders import make_corpus

    prompts = load_prompts("yes-no")
    context = Context(as_dialogues(prompts), make_corpus(PAIRS), tuple(PAIRS), lambda _: None)
    return gather_questions(open_yes_no(prompts, NoOptions(), context), PAIRS, Decoding())


def ask_at(
    url: str, folder: Path, asked: Questions, *, resume: Path | None = None, api: Api = "chat"
) -> tuple[AnswerRow, ...]:
    spec = EndpointSpec(url=url, concurrency=3, max_attempts=2)
    with (
        EndpointClient(spec, "small", sleep=lambda _: None) as client,
        begin_run(folder, Settings(), resume=resume) as run,
    ):
        return ask(TextInquiry(RemoteAnswerer(client, api), (asked,), STRICT, 12, ReplyJournal(run.path)), run)


def said(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def judge(body: dict[str, Any]) -> Recorded:
    return completion("Hm.\nVerdict: " + ("not vulnerable" if "strncpy" in said(body) else "vulnerable"))


def test_answers_in_words(tmp_path: Path) -> None:
    with serve(judge) as server:
        rows = ask_at(server.url, tmp_path, questions())
    assert [row.says for row in rows] == ["vulnerable", "fixed"] * 3
    assert (rows[0].answers[0].n_prompt_tokens, rows[0].answers[0].n_new_tokens) == (50, 7)
    assert len(server.asked) == 18
    assert server.asked[0]["max_tokens"] == 30


def test_a_conversation_carries_what_was_said(tmp_path: Path) -> None:
    with serve(judge) as server:
        rows = ask_at(server.url, tmp_path, questions("secllmholmes", prompts=("R3",)))
    assert [len(row.answers[0].turns) for row in rows] == [4] * 6
    assert sorted(len(body["messages"]) for body in server.asked) == [2] * 6 + [4] * 6 + [6] * 6 + [8] * 6
    last = max(server.asked, key=lambda body: len(body["messages"]))
    assert [message["role"] for message in last["messages"]] == ["system"] + ["user", "assistant"] * 3 + ["user"]


def test_log_probabilities_make_margins(tmp_path: Path) -> None:
    def reply(body: dict[str, Any]) -> Recorded:
        asks_secure = "secure?" in said(body)
        odds = {"Yes": -2.0, "No": -0.5, " yes": -3.0} if asks_secure else {"Yes": -0.5, "No": -2.0, "Maybe": -6.0}
        return completion("…", logprobs=odds)

    with serve(reply) as server:
        row = ask_at(server.url, tmp_path, yes_no())[0]
    plus = -0.5 + 2.0
    minus = math.log(math.exp(-2.0) + math.exp(-3.0)) + 0.5
    assert row.readout == "log-odds"
    assert row.says == "vulnerable"
    assert row.margin == pytest.approx((plus - minus) / 2)
    assert row.acquiescence == pytest.approx((plus + minus) / 2)


def test_a_label_that_is_not_listed_is_bounded_and_no_label_is_read_as_text(tmp_path: Path) -> None:
    def reply(body: dict[str, Any]) -> Recorded:
        if "void f0(" in said(body):
            return completion("Yes", logprobs={"Yes": -0.1, "Well": -4.0})
        return completion("No, it is not.", logprobs={"Well": -0.1, "Hm": -4.0})

    with serve(reply) as server:
        rows = ask_at(server.url, tmp_path, yes_no())
    assert rows[0].answers[0].log_odds == pytest.approx(-0.1 + 4.0)
    assert rows[2].answers[0].log_odds is None
    assert (rows[2].readout, rows[2].says) == ("text", "fixed")


FORMS = {"yes": ("Yes", "yes"), "no": ("No",)}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            {"Yes": math.log(0.6), "yes": math.log(0.1), "No": math.log(0.2)},
            {"yes": math.log(0.7), "no": math.log(0.2)},
        ),
        # "No" is among the .3 that is left, and then below the lowest listed.
        ({"Yes": math.log(0.7)}, {"yes": math.log(0.7), "no": math.log(0.3)}),
        ({"Yes": math.log(0.7), "Well": math.log(0.01)}, {"yes": math.log(0.7), "no": math.log(0.01)}),
        ({"Yes": 0.0}, {"yes": 0.0, "no": math.log(1e-6)}),
        # It may be as likely as the listed "Yes".
        ({"Well": math.log(0.9), "Yes": math.log(0.05)}, None),
        ({"Yes": math.log(0.3)}, None),
        ({"Well": math.log(0.9)}, None),
        ({}, None),
    ],
)
def test_a_label_that_is_not_listed_has_at_most_what_is_left(
    listed: dict[str, float], expected: dict[str, float] | None
) -> None:
    found = score_labels(FORMS, listed)
    assert found == (None if expected is None else pytest.approx(expected))


def test_impossible_log_probabilities_leave_the_text(tmp_path: Path) -> None:
    with serve(lambda _: completion("No.", logprobs={"Yes": 5.0, "No": 3.0})) as server:
        rows = ask_at(server.url, tmp_path, yes_no())
    assert {row.readout for row in rows} == {"text"}
    assert [answer.says for answer in rows[0].answers] == ["fixed", "vulnerable"] * 3
    # Each is counted: one bad reply is no reason to ask the next without.
    assert all(answer.has_impossible for row in rows for answer in row.answers)


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: completion("Yes."),
        lambda body: Recorded({"error": "logprobs unsupported"}, 400) if "logprobs" in body else completion("Yes."),
    ],
)
def test_without_log_probabilities_the_text_counts(tmp_path: Path, reply: Callable[[Any], Recorded]) -> None:
    with serve(reply) as server:
        rows = ask_at(server.url, tmp_path, yes_no())
    assert {row.readout for row in rows} == {"text"}
    assert {row.says for row in rows} == {"vulnerable"}
    assert [answer.says for answer in rows[0].answers] == ["vulnerable", "fixed"] * 3


def test_what_the_server_declines_or_cannot_read_is_a_state(tmp_path: Path) -> None:
    def reply(body: dict[str, Any]) -> Recorded:
        if "void f0(" in said(body):
            return Recorded({"error": "maximum context length is 10 tokens"}, 400)
        return completion("", finish_reason="content_filter") if "void f1(" in said(body) else judge(body)

    with serve(reply) as server:
        rows = ask_at(server.url, tmp_path, questions())
    assert [row.state for row in rows] == ["cut", "cut", "refused", "refused", "parsed", "parsed"]
    assert "maximum context length" in rows[0].answers[0].note


@pytest.mark.parametrize(
    "trouble",
    [
        Recorded(b"<html>", 200),
        Recorded({"error": "slow down"}, 429),
        Recorded({"error": "down"}, 502),
        Recorded({"error": "who?"}, 401),
    ],
)
def test_a_run_that_breaks_off_goes_on_without_asking_twice(tmp_path: Path, trouble: Recorded) -> None:
    with serve(judge) as server:
        whole = ask_at(server.url, tmp_path / "whole", questions())
    n_good = 7
    good: list[str] = []

    def failing(body: dict[str, Any]) -> Recorded:
        if len(good) >= n_good:
            return trouble
        good.append(repr(body))
        return judge(body)

    with serve(failing) as server, pytest.raises(EndpointError):
        ask_at(server.url, tmp_path / "torn", questions())
    (torn,) = (tmp_path / "torn").iterdir()
    with serve(judge) as server:
        rows = ask_at(server.url, tmp_path / "torn", questions(), resume=torn)
    assert rows == whole
    assert len(server.asked) == 18 - n_good
    assert not {repr(body) for body in server.asked} & set(good)
    (complete,) = (tmp_path / "whole").iterdir()
    assert (torn / "rows.jsonl").read_bytes() == (complete / "rows.jsonl").read_bytes()


def test_a_conversation_that_breaks_off_goes_on_at_its_turn(tmp_path: Path) -> None:
    asked = questions("secllmholmes", prompts=("R3",))
    with serve(judge) as server:
        whole = ask_at(server.url, tmp_path / "whole", asked)
    good: list[str] = []

    def failing(body: dict[str, Any]) -> Recorded:
        if len(good) >= 11:
            return Recorded({"error": "no credit"}, 403)
        good.append(repr(body))
        return judge(body)

    with serve(failing) as server, pytest.raises(EndpointError, match="no credit"):
        ask_at(server.url, tmp_path / "torn", asked)
    (torn,) = (tmp_path / "torn").iterdir()
    with serve(judge) as server:
        assert ask_at(server.url, tmp_path / "torn", asked, resume=torn) == whole
    assert len(server.asked) == 24 - 11
    assert not {repr(body) for body in server.asked} & set(good)


def test_a_base_model_reads_what_a_local_one_would(tmp_path: Path) -> None:
    from tests.ask.builders import tiny_subject

    from vulnscope.ask.scored.yes_no import YesNoProtocol
    from vulnscope.ask.worded.local import LocalAnswerer
    from vulnscope.prompts import render

    def reply(body: dict[str, Any]) -> Recorded:
        answer = "Hm.\nVerdict: " + ("not vulnerable" if "strncpy" in body["prompt"] else "vulnerable")
        return continuation(f"{answer}\n### Question:\nAnd now?")

    asked = questions()
    with serve(reply) as server:
        rows = ask_at(server.url, tmp_path / "words", asked, api="completions")
    assert [row.says for row in rows] == ["vulnerable", "fixed"] * 3
    assert rows[0].answers[0].turns == ("Hm.\nVerdict: vulnerable",)
    assert set(server.paths) == {"/v1/completions"}
    assert server.asked[0]["stop"] == ["\n### "]
    local = LocalAnswerer(tiny_subject(), is_chat=False)
    built = [asked.protocol.build(sample, name) for sample in PAIRS for name in asked.protocol.prompts]
    assert {body["prompt"] for body in server.asked} == {local.show(ask) for ask in built}
    with serve([continuation(" Yes", logprobs={" Yes": -0.5, " No": -2.0})]) as server:
        row = ask_at(server.url, tmp_path / "scores", yes_no(), api="completions")[0]
    assert (row.readout, row.says, row.answers[0].log_odds) == ("log-odds", "vulnerable", pytest.approx(1.5))
    assert server.asked[0]["logprobs"] == 20
    prompts = load_prompts("yes-no")
    protocol = YesNoProtocol(prompts, tiny_subject().tokenizer, is_chat=False)
    expected = {
        render(prompts, prompt, polarity, language=sample.language, code=sample.code).text
        for prompt, polarity in protocol.questions
        for sample in PAIRS
    }
    assert {body["prompt"] for body in server.asked} == expected


def test_a_conversation_goes_on_as_one_text(tmp_path: Path) -> None:
    with serve([continuation("So\nVerdict: vulnerable")]) as server:
        rows = ask_at(server.url, tmp_path, questions("secllmholmes", prompts=("R3",)), api="completions")
    assert [len(row.answers[0].turns) for row in rows] == [4] * 6
    longest = max((body["prompt"] for body in server.asked), key=len)
    assert longest.count("### Question:\n") == 4
    assert longest.count("### Answer:\nSo\nVerdict: vulnerable\n\n") == 3


@pytest.mark.parametrize("most", [20, 5, 0])
def test_as_many_alternatives_are_asked_for_as_the_server_lists(tmp_path: Path, most: int) -> None:
    def reply(body: dict[str, Any]) -> Recorded:
        if body.get("logprobs", 0) > most:
            return Recorded({"error": f"logprobs must be at most {most}"}, 400)
        return continuation("Yes.", logprobs={"Yes": -0.5, "No": -2.0} if "logprobs" in body else None)

    with serve(reply) as server:
        rows = ask_at(server.url, tmp_path, yes_no(), api="completions")
    assert {row.readout for row in rows} == {"log-odds" if most else "text"}
    assert {row.says for row in rows} == {"vulnerable"}
    assert max(body.get("logprobs", 0) for body in server.asked[-12:]) == most
