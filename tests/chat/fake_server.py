"""A chat server that misbehaves on demand, on 127.0.0.1, in a thread of the test."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any] | str
"""(status, JSON body), or "hang", or "cut" (the connection drops in mid-body), or "garbage"."""


def completion(text: str | None, finish_reason: str = "stop", **more: Any) -> tuple[int, Any]:
    """A well-formed answer; `more` joins the choice."""
    message = {"role": "assistant", "content": text}
    return 200, {"choices": [{"message": message, "finish_reason": finish_reason, **more}]}


class _ManyAtOnce(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class FakeServer:
    """Plays `script` first, one reply a request; then answers with `echo(request body)`."""

    def __init__(self, echo: Callable[[dict[str, Any]], Reply] | None = None) -> None:
        self.script: deque[Reply] = deque()
        self.requests: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.delay_s = 0.0
        self._echo = echo or (
            lambda body: completion("you said " + body["messages"][-1]["content"])
        )
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._answer(self)

            def log_message(self, *args: Any) -> None:
                return

        self._http = _ManyAtOnce(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.requests.append((handler.path, body, headers))
            reply = self.script.popleft() if self.script else self._echo(body)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        time.sleep(self.delay_s)
        with self._lock:
            self.in_flight -= 1
        if reply == "hang":
            time.sleep(4)
            handler.close_connection = True
            return
        status, payload = (200, "garbage") if isinstance(reply, str) else reply
        data = b"<html>busy</html>" if reply == "garbage" else json.dumps(payload).encode()
        handler.send_response(status)
        if status == 429:
            handler.send_header("retry-after", "0.01")
        handler.send_header("content-length", str(len(data) + (100 if reply == "cut" else 0)))
        handler.end_headers()
        handler.wfile.write(data)
        handler.close_connection = reply == "cut"
