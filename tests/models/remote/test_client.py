"""An endpoint that is down, slow, rate limiting or talking nonsense."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from tests.models.remote.server import Recorded, completion, continuation, serve

from vulnscope.errors import EndpointError, InputError, VulnscopeError
from vulnscope.models.remote import ChatRequest, EndpointClient, EndpointSpec, TextRequest, exchange
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
    timer = clock or Clock()
    spec = EndpointSpec(url=url, **settings)
    with EndpointClient(spec, "small", key=key, clock=timer, sleep=timer.sleep) as opened:
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
        with pytest.raises(EndpointError, match=r"no whole answer within 0\.1 seconds, after 2 tries"):
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
        ('{"tokens": ["Yes"], "token_logprobs": [-1e999], "top_logprobs": [{"No": -1}]}', {"Yes": -1e4, "No": -1.0}),
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
        reply = asked.complete(TextRequest("?", max_tokens=1))
    assert reply.first_tokens == found
    is_impossible = any(value in log_probs for value in ("NaN", "[5.0", "[Inf", '"No": -0.2'))
    assert reply.has_impossible is is_impossible


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ('{"prompt_tokens": 5, "completion_tokens": 7.0}', (5, 7)),
        ('{"prompt_tokens": -5, "completion_tokens": 1e999}', (0, 0)),
        ('{"prompt_tokens": 1e300, "completion_tokens": NaN}', (0, 0)),
        ('{"prompt_tokens": "5", "completion_tokens": [7]}', (0, 0)),
        ("null", (0, 0)),
    ],
)
def test_counts_that_cannot_be_are_not_reported(usage: str, counts: tuple[int, int]) -> None:
    body = f'{{"choices": [{{"text": "a\\ud800b"}}], "usage": {usage}}}'.encode()
    with serve([Recorded(body)]) as server, client(server.url) as asked:
        reply = asked.complete(TextRequest("?", max_tokens=1))
    assert (reply.n_prompt_tokens, reply.n_new_tokens) == counts
    assert reply.text == "a\ufffdb", "no file holds a lone surrogate"


def test_more_text_than_was_asked_for_is_no_reply() -> None:
    with (
        serve([continuation("Yes " * 1000)]) as server,
        client(server.url, max_attempts=1) as asked,
        pytest.raises(EndpointError, match="4,000 characters where 2 tokens were asked for"),
    ):
        asked.complete(TextRequest("?", max_tokens=2))


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
        while not asked._pace._next > time.monotonic() + 50:
            thread.join(0.01)
        asked.close()
        thread.join(10)
    assert "slow down" in str(found[0])


@contextmanager
def raw_server(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request and then does with the connection what `speak` says."""
    ended = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                speak(self.request)
            ended.wait(20)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, block_on_close = True, False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        ended.set()
        server.shutdown()


def drip(head: bytes, connection: socket.socket) -> None:
    connection.sendall(head)
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.02)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"content-length: 100000\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\nfff\r\n",
        b"HTTP/1.1 200 OK\r\nx: ",
    ],
    ids=["body", "chunks", "headers"],
)
def test_the_time_limit_holds_for_the_whole_answer(head: bytes) -> None:
    with (
        raw_server(lambda connection: drip(head, connection)) as url,
        client(url, timeout_seconds=0.3, max_attempts=1) as asked,
        pytest.raises(EndpointError, match=r"no whole answer within 0\.3 seconds"),
    ):
        asked.complete(REQUEST)


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES", 3 << 20)
    sent: list[int] = []

    def speak(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"connection: close\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)
            sent.append(65536)

    with raw_server(speak) as url, client(url) as asked, pytest.raises(EndpointError, match=r"sends more than 3 MiB$"):
        asked.complete(REQUEST)
    assert sum(sent) < 20 << 20


def test_a_reply_that_unpacks_itself_is_not_unpacked() -> None:
    bomb = gzip.compress(b" " * (10 << 20))
    with (
        serve([Recorded(bomb, 200, {"content-encoding": "gzip"})]) as server,
        client(server.url, max_attempts=1) as asked,
        pytest.raises(EndpointError, match="it packs its reply, which was not asked for"),
    ):
        asked.complete(REQUEST)


def test_what_is_under_way_is_given_up_at_once() -> None:
    with raw_server(lambda _: None) as url:
        asked = EndpointClient(EndpointSpec(url=url), "small")
        pool = ThreadPoolExecutor(1)
        future = pool.submit(asked.complete, REQUEST)
        while not asked._exchange._tasks:
            time.sleep(0.01)
        asked.stop()
        with pytest.raises(EndpointError, match=r"stopped before it answered$"):
            future.result(timeout=10)
        asked.close()
        asked.close()


KEY = 'sk-se"cr/et+%'


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429, 500])
@pytest.mark.parametrize(
    "body",
    [
        KEY.encode(),
        json.dumps({"error": KEY}).encode(),
        json.dumps({"error": "maximum context length " + KEY}).encode(),
        json.dumps({"choices": [{"message": {"content": KEY}, "finish_reason": KEY}]}).encode(),
        json.dumps({"choices": [{"message": {"content": "Yes " + KEY}}]}).replace("s", "\\u0073").encode(),
        quote(KEY, safe="").lower().encode(),
    ],
)
def test_the_key_comes_back_from_nowhere(status: int, body: bytes) -> None:
    said = ""
    with serve([Recorded(body, status)]) as server, client(server.url, key=KEY, max_attempts=1) as asked:
        try:
            said = repr(asked.complete(REQUEST))
        except VulnscopeError as error:
            said = repr(error) + "".join(traceback.format_exception(error))
    assert 'se"cr' not in said
    assert "cr/et" not in said
    assert "sk-se" not in said
    assert status == 200 or "[API key]" in said or "choices" in said


def test_a_word_that_local_servers_take_for_a_key_is_no_secret() -> None:
    with serve([completion("It is EMPTY.")]) as server, client(server.url, key="EMPTY") as asked:
        assert asked.complete(REQUEST).text == "It is EMPTY."


def test_the_key_comes_from_a_variable_and_stays_there() -> None:
    spec = EndpointSpec(url="https://example.org/v1/", key_variable="MY_KEY")
    assert spec.url == "https://example.org/v1"
    assert spec.read_key({"MY_KEY": " sesame "}) == "sesame"
    assert "sesame" not in spec.to_json()
    with pytest.raises(InputError, match="MY_KEY is not set"):
        spec.read_key({})
    for key in ("sesam\n\x00e", "sésame", "ses ame"):
        with pytest.raises(InputError, match="MY_KEY holds characters that a request cannot carry"):
            spec.read_key({"MY_KEY": key})
    with pytest.raises(ValueError, match="begins with http"):
        EndpointSpec(url="example.org")
    for url in ("https://me:secret@example.org/v1", "https://me@example.org/v1", "http://:secret@example.org"):
        with pytest.raises(ValueError, match=r"user name or password; .*--api-key-env NAME") as refused:
            EndpointSpec(url=url)
        assert "secret" not in refused.value.errors()[0]["msg"]
    with pytest.raises(ValueError, match="cannot end in"):
        EndpointSpec(url="https://example.org/v1?api_key=secret")
