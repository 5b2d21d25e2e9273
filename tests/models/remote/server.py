"""An endpoint on 127.0.0.1 that gives recorded replies, in order, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Recorded:
    """One reply; `body` as JSON unless it is bytes already. `before` runs ahead of it, None closes the connection."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] | None = None


class Server:
    """What was asked, and what is still to be answered; the last reply repeats."""

    def __init__(self, replies: Sequence[Recorded] | Callable[[dict[str, Any]], Recorded]) -> None:
        self._replies = replies
        self._lock = threading.Lock()
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.url = ""

    def next_reply(self, path: str, body: dict[str, Any], key: str | None) -> Recorded:
        with self._lock:
            self.asked.append(body)
            self.paths.append(path)
            self.keys.append(key)
            if callable(self._replies):
                return self._replies(body)
            return self._replies[min(len(self.asked), len(self._replies)) - 1]


def completion(text: str, *, logprobs: Mapping[str, float] | None = None, **choice: Any) -> Recorded:
    """A chat completion as servers write it."""
    content: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if logprobs is not None:
        top = [{"token": token, "logprob": value} for token, value in logprobs.items()]
        content["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    usage = {"prompt_tokens": 50, "completion_tokens": 7}
    return Recorded({"choices": [{**content, **choice}], "usage": usage})


def continuation(text: str, *, logprobs: Mapping[str, float] | None = None, **choice: Any) -> Recorded:
    """A completion of a text as servers write it, log-probabilities in columns."""
    content: dict[str, Any] = {"index": 0, "text": text, "finish_reason": "stop"}
    if logprobs is not None:
        first = next(iter(logprobs))
        content["logprobs"] = {
            "tokens": [first, "."],
            "token_logprobs": [logprobs[first], -0.1],
            "top_logprobs": [dict(logprobs), {".": -0.1}],
            "text_offset": [0, len(first)],
        }
    usage = {"prompt_tokens": 50, "completion_tokens": 7}
    return Recorded({"choices": [{**content, **choice}], "usage": usage})


@contextmanager
def serve(replies: Sequence[Recorded] | Callable[[dict[str, Any]], Recorded]) -> Iterator[Server]:
    """The server, up inside the block."""
    server = Server(replies)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = server.next_reply(self.path, body, self.headers.get("authorization"))
            if reply.before is not None:
                reply.before()
            data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing on stderr."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
