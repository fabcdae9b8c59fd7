"""A web server on this machine that misbehaves as it is told to."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """What the server does, request by request; the last entry repeats."""

    content: bytes
    acts: list[str] = field(default_factory=lambda: ["serve"])
    requests: int = 0
    url: str = ""

    def next_act(self) -> str:
        self.requests += 1
        return self.acts[min(self.requests, len(self.acts)) - 1]


@contextmanager
def serve(content: bytes, *acts: str) -> Iterator[Script]:
    """A running server of one file. Acts: serve, wrong, short, drop, refuse, stall, or a status."""
    script = Script(content, list(acts) or ["serve"])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            act = script.next_act()
            if act.isdigit():
                self.send_error(int(act))
                return
            body = script.content
            if act == "wrong":
                body = body[:-1] + bytes([body[-1] ^ 1])
            elif act == "short":
                body = body[: len(body) // 2]
            if act == "refuse":
                self.close_connection = True
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if act in ("drop", "stall"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if act == "stall":
                    time.sleep(30)
                self.close_connection = True
                return
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}/file.jsonl"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
