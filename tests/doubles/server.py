"""What the doubles of services share: a server on this machine that can be told to misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

# What a handler is to do instead of answering; gets the handler.
Fault = Callable[["Handler"], None]


def vector_of(text: str, dim: int) -> np.ndarray:
    """The vector of a text, the same everywhere, near to those that share words, (dim,)."""
    total = 0.1 * _drawn(text, dim) + sum(_drawn(f"word {word}", dim) for word in text.split())
    return total.astype(np.float32)


def _drawn(text: str, dim: int) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dim)


def _unaltered(answer: dict[str, Any]) -> dict[str, Any]:
    return answer


@dataclass
class Double:
    """The state of a service.

    Attributes:
        answered: how often vectors of each text were sent in a complete answer.
        received: how often each text came in, whatever became of it.
        faults: done, first to last, instead of an answer to an embedding request.
        step_faults: by name of a step, the same after the deed.
    alter: changes a right answer before it is sent.
        together: requests that have to be there before one is answered.
    """

    answered: Counter[str] = field(default_factory=Counter)
    received: Counter[str] = field(default_factory=Counter)
    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    step_faults: dict[str, list[Fault]] = field(default_factory=dict)
    alter: Callable[[dict[str, Any]], dict[str, Any]] = _unaltered
    together: threading.Barrier | None = None
    dim: int = 8
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def next_fault(self) -> Fault | None:
        with self.lock:
            return self.faults.pop(0) if self.faults else None


class Handler(BaseHTTPRequestHandler):
    """Reads and writes JSON; subclasses know the paths."""

    protocol_version = "HTTP/1.1"
    double: Double

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def send_json(self, content: Any, status: int = 200, **headers: str) -> None:
        self.send_bytes(json.dumps(content).encode(), status, **headers)

    def send_bytes(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def conclude(self, step: str, made: Any) -> None:
        """Send what was made, or do a fault, which comes after the deed."""
        with self.double.lock:
            faults = self.double.step_faults.get(step, [])
            fault = faults.pop(0) if faults else None
        if fault:
            fault(self)
        else:
            self.send_json(made)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the requests that are answered side by side."""
        with self.double.lock:
            self.double.at_once += 1
            self.double.most_at_once = max(self.double.most_at_once, self.double.at_once)
        try:
            yield
        finally:
            with self.double.lock:
                self.double.at_once -= 1

    def log_message(self, *arguments: Any) -> None:
        """Keep the terminal clean."""


def refuse(status: int, code: str | None = None, message: str = "no", **headers: str) -> Fault:
    """Answer with an error."""

    def fault(handler: Handler) -> None:
        error = {"message": message, "type": "error", "param": None, "code": code}
        handler.send_json({"error": error}, status, **headers)

    return fault


def drop(handler: Handler) -> None:
    """Close the connection in the middle of an answer."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


def truncate(handler: Handler) -> None:
    """A complete answer of incomplete JSON."""
    handler.send_bytes(b'{"object": "list", "data": [{"index": 0, "embed')


@contextmanager
def serving(handler: type[Handler], double: Double) -> Iterator[Double]:
    """Serve a double on a free port of this machine until the block ends."""
    bound = type("Bound", (handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
