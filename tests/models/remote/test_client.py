"""An endpoint that is down, slow, rate limiting or talking nonsense."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.models.remote.server import Recorded, completion, continuation, serve

from vulnscope.errors import EndpointError, InputError
from vulnscope.models.remote import ChatRequest, EndpointClient, EndpointSpec, TextRequest
from vulnscope.models.remote.client import NoLogProbs, TooLong
from vulnscope.models.remote.pace import Pace, back_off_seconds

REQUEST = ChatRequest((("system", "Be brief."), ("user", "Is it safe?")), max_tokens=20, temperature=0.5, seed=7)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@contextmanager
def client(
    url: str, clock: Clock | None = None, *, key: str | None = None, **settings: Any
) -> Iterator[EndpointClient]:
    time = clock or Clock()
    spec = EndpointSpec(url=url, **settings)
    with EndpointClient(spec, "small", key=key, clock=time, sleep=time.sleep) as opened:
        yield opened


def test_a_request_and_its_reply() -> None:
    with serve([completion("Yes.")]) as server, client(server.url, key="sesame") as asked:
        reply = asked.complete(REQUEST)
    assert (reply.text, reply.is_finished, reply.is_declined) == ("Yes.", True, False)
    assert (reply.n_prompt_tokens, reply.n_new_tokens, reply.first_tokens) == (50, 7, None)
    assert server.asked == [
        {
            "model": "small",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it safe?"}],
            "max_tokens": 20,
            "temperature": 0.5,
            "seed": 7,
        }
    ]
    assert server.keys == ["Bearer sesame"]


def test_what_ended_an_answer_is_told() -> None:
    replies = [
        completion("I thi", finish_reason="length"),
        completion("", finish_reason="content_filter"),
        completion("", message={"role": "assistant", "content": None, "refusal": "No."}),
    ]
    with serve(replies) as server, client(server.url) as asked:
        found = [asked.complete(REQUEST) for _ in replies]
    assert [(each.is_finished, each.is_declined) for each in found] == [(False, False), (True, True), (True, True)]


def test_an_endpoint_that_is_down_is_named_after_all_tries() -> None:
    clock = Clock()
    with serve([]) as server:
        url = server.url
    with (
        client(url, clock, max_attempts=3) as asked,
        pytest.raises(EndpointError, match=r"127\.0\.0\.1.*cannot be reached.*after 3 tries"),
    ):
        asked.complete(REQUEST)
    assert clock.slept == [1.0, 2.0]


def test_a_slow_endpoint_is_given_up_and_tried_again() -> None:
    gate = threading.Event()
    replies = [Recorded({}, before=gate.wait), completion("late")]
    with serve(replies) as server, client(server.url, timeout_seconds=0.2) as asked:
        assert asked.complete(REQUEST).text == "late"
        gate.set()
    with (
        serve([Recorded({}, before=gate.wait)]) as server,
        client(server.url, timeout_seconds=0.1, max_attempts=2) as asked,
    ):
        gate.clear()
        with pytest.raises(EndpointError, match=r"no answer within 0\.1 seconds, after 2 tries"):
            asked.complete(REQUEST)
        gate.set()


def test_a_rate_limit_is_waited_out_as_the_server_says() -> None:
    clock = Clock()
    date = format_datetime(datetime.now(UTC) + timedelta(hours=5))
    replies = [
        Recorded({"error": "slow down"}, 429, {"retry-after": "7"}),
        Recorded({"error": "slow down"}, 429, {"retry-after": date}),
        Recorded({"error": "busy"}, 503, {"retry-after": "nonsense"}),
        completion("done"),
    ]
    with serve(replies) as server, client(server.url, clock) as asked:
        assert asked.complete(REQUEST).text == "done"
    assert clock.slept == [7.0, 120.0, 4.0]


def test_a_pace_is_kept_and_a_pause_holds_for_all() -> None:
    clock = Clock()
    pace = Pace(30, clock, clock.sleep)
    for _ in range(3):
        pace.wait_turn()
    assert clock.slept == [2.0, 2.0]
    pace.pause(10)
    pace.wait_turn()
    assert clock.slept[-1] == 10.0
    assert [back_off_seconds(attempt, None) for attempt in (1, 2, 3, 20)] == [1.0, 2.0, 4.0, 120.0]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>gateway</html>",
        b'{"choices": [',
        b"[]",
        b"null",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": 7}}]}',
        b'{"choices": [{"message": null}]}',
        b'{"error": "overloaded"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_nonsense_is_asked_again_and_then_shown(body: bytes) -> None:
    with serve([Recorded(body), completion("sane")]) as server, client(server.url) as asked:
        assert asked.complete(REQUEST).text == "sane"
    with (
        serve([Recorded(body)]) as server,
        client(server.url, max_attempts=2) as asked,
        pytest.raises(EndpointError, match=r"it answered with .* after 2 tries"),
    ):
        asked.complete(REQUEST)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, {"error": "no key"}, EndpointError, "refuses access.*--api-key-env"),
        (404, {"error": "unknown"}, InputError, "has no model 'small'.*--endpoint-api completions"),
        (400, {"error": "no chat template is defined"}, InputError, "no chat template.*--endpoint-api completions"),
        (400, {"error": "maximum context length is 4096"}, TooLong, "4096"),
        (400, {"error": "logprobs are not supported"}, NoLogProbs, "not supported"),
        (400, {"error": "bad temperature"}, EndpointError, "refused .*bad temperature"),
    ],
)
def test_what_waiting_cannot_mend_is_not_tried_again(
    status: int, body: dict[str, str], error: type[Exception], words: str
) -> None:
    with serve([Recorded(body, status)]) as server, client(server.url) as asked, pytest.raises(error, match=words):
        asked.complete(REQUEST)
    assert len(server.asked) == 1


def test_alternatives_to_the_first_token_are_read() -> None:
    request = ChatRequest((("user", "?"),), max_tokens=3, n_log_probs=20)
    body = b'{"choices": [{"message": {"content": "Yes"}, "logprobs": {"content": [{"token": "Yes", "logprob": -0.1, '
    body += b'"top_logprobs": [{"token": "No", "logprob": -Infinity}]}]}}]}'
    with serve([Recorded(body)]) as server, client(server.url) as asked:
        assert asked.complete(request).first_tokens == {"Yes": -0.1, "No": -1e4}
    assert server.asked[0]["top_logprobs"] == 20


def test_a_text_is_gone_on_with() -> None:
    request = TextRequest("Is it safe?\n", max_tokens=20, temperature=0.5, seed=7, n_log_probs=20, stop=("###",))
    replies = [continuation("Yes", logprobs={"Yes": -0.1, "No": -2.5}), continuation("I thi", finish_reason="length")]
    with serve(replies) as server, client(server.url) as asked:
        first, second = asked.complete(request), asked.complete(request)
    assert (first.text, first.is_finished, first.first_tokens) == ("Yes", True, {"Yes": -0.1, "No": -2.5})
    assert (second.text, second.is_finished, second.first_tokens) == ("I thi", False, None)
    assert server.paths == ["/v1/completions"] * 2
    assert server.asked[0] == {
        "model": "small",
        "prompt": "Is it safe?\n",
        "max_tokens": 20,
        "temperature": 0.5,
        "seed": 7,
        "stop": ["###"],
        "logprobs": 20,
    }


@pytest.mark.parametrize(
    ("log_probs", "found"),
    [
        ('{"content": [{"token": "Yes", "logprob": -0.1, "top_logprobs": []}]}', {"Yes": -0.1}),
        ('{"tokens": ["Yes"], "token_logprobs": [-0.1], "top_logprobs": null}', {"Yes": -0.1}),
        ('{"tokens": ["Yes"], "token_logprobs": [null], "top_logprobs": [{"No": -Infinity}]}', {"No": -1e4}),
        ('{"tokens": ["Yes"], "token_logprobs": [NaN], "top_logprobs": [{"No": -1}]}', None),
        ('{"tokens": ["Yes"], "token_logprobs": [0.004], "top_logprobs": null}', {"Yes": 0.0}),
        ('{"tokens": ["Yes"], "token_logprobs": [5.0], "top_logprobs": [{"No": -1}]}', None),
        ('{"tokens": ["Yes"], "token_logprobs": [Infinity], "top_logprobs": [{"No": -1}]}', None),
        ('{"tokens": ["Yes"], "token_logprobs": [-0.1], "top_logprobs": [{"Yes": -0.1, "No": -0.2}]}', None),
        ('{"tokens": ["Yes"], "token_logprobs": [NaN], "top_logprobs": [null]}', None),
        ('{"tokens": [], "token_logprobs": [], "top_logprobs": []}', None),
        ("{}", None),
    ],
)
def test_log_probabilities_are_read_in_either_layout(log_probs: str, found: dict[str, float] | None) -> None:
    body = f'{{"choices": [{{"text": "Yes", "logprobs": {log_probs}}}]}}'.encode()
    with serve([Recorded(body)]) as server, client(server.url) as asked:
        assert asked.complete(TextRequest("?", max_tokens=1)).first_tokens == found


@pytest.mark.parametrize(
    ("refusal", "api"),
    [
        (Recorded({"error": "unknown"}, 404), "completions"),
        (Recorded({"error": "not supported"}, 405), "completions"),
        (Recorded({"error": "no chat template is defined"}, 400), "completions"),
        (completion("Hello"), "chat"),
    ],
)
def test_auto_chats_unless_the_server_does_not(refusal: Recorded, api: str) -> None:
    with serve([refusal]) as server, client(server.url, api="auto") as asked:
        assert asked.find_api() == api
    assert [body["max_tokens"] for body in server.asked] == [1]
    with serve([]) as server, client(server.url) as asked:
        assert asked.find_api() == "chat"
    assert server.asked == []


def test_who_waits_for_another_try_is_woken_by_the_end() -> None:
    with serve([Recorded({"error": "slow down"}, 429, {"retry-after": "100"})]) as server:
        asked = EndpointClient(EndpointSpec(url=server.url), "small")
        found: list[Exception] = []

        def ask() -> None:
            try:
                asked.complete(REQUEST)
            except EndpointError as error:
                found.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.asked:
            thread.join(0.01)
        asked.close()
        thread.join(10)
    assert "slow down" in str(found[0])


def test_the_key_comes_from_a_variable_and_stays_there() -> None:
    spec = EndpointSpec(url="https://example.org/v1/", key_variable="MY_KEY")
    assert spec.url == "https://example.org/v1"
    assert spec.read_key({"MY_KEY": " sesame "}) == "sesame"
    assert "sesame" not in spec.to_json()
    with pytest.raises(InputError, match="MY_KEY is not set"):
        spec.read_key({})
    with pytest.raises(ValueError, match="begins with http"):
        EndpointSpec(url="example.org")
