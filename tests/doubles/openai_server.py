"""A server that speaks as OpenAI does, held to the types of OpenAI's own client."""

from __future__ import annotations

import base64
import json
from typing import Any

from openai.types import (
    Batch,
    BatchCreateParams,
    CreateEmbeddingResponse,
    EmbeddingCreateParams,
    FileObject,
    Model,
)
from pydantic import TypeAdapter

from tests.doubles.server import Double, Handler, vector_of

REQUEST = TypeAdapter(EmbeddingCreateParams)
BATCH = TypeAdapter(BatchCreateParams)
MODELS = {
    "text-embedding-3-small": None,
    "text-embedding-ada-002": None,
    "text-embedding-old": "2026-01-01",
}


class OpenAIDouble(Double):
    """Counts what it is sent; refuses what the service is known to refuse."""

    key = "sk-test-0123456789abcdef"

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.steps: list[str] = []  # calls that change something, in order
        self.looks = 1  # at a batch before it has ended
        self.spoil: set[int] = set()  # lines of a batch that fail
        self.batch_ends = "completed"
        self.omit: set[int] = set()  # lines of a batch that get no answer
        self.names: dict[str, tuple[str, str]] = {}  # file name and purpose of each file
        self.models: dict[str, str | None] = dict(MODELS)  # and when they are shut down
        self.knows_models = True  # has a path for each of them

    def reply(self, url: str, asked: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request of a batch."""
        assert url == "/v1/embeddings"
        self.received.update(asked["input"])
        made = answer(self, asked)
        self.answered.update(asked["input"])
        return made


def answer(double: Double, asked: dict[str, Any]) -> dict[str, Any]:
    """A right answer, last text first, since the order is not promised."""
    REQUEST.validate_python(asked)
    texts = asked["input"]
    assert 1 <= len(texts) <= 2048
    assert all(texts), "an empty string"
    assert sum(len(text.encode()) for text in texts) <= 300_000
    width = asked.get("dimensions", double.dim)
    vectors = [vector_of(text, width) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": vector.tolist()}
        for index, vector in reversed(list(enumerate(vectors)))
    ]
    tokens = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    made = {"object": "list", "model": asked["model"], "data": data, "usage": usage}
    CreateEmbeddingResponse.model_validate(made)
    if asked.get("encoding_format") == "base64":
        for one in data:
            raw = vectors[one["index"]].tobytes()
            one["embedding"] = base64.b64encode(raw).decode()
    return double.alter(made)


def start(double: OpenAIDouble, asked: dict[str, Any]) -> dict[str, Any]:
    """A new batch."""
    BATCH.validate_python(asked)
    made = {
        "id": f"batch-{len(double.batches)}",
        "completion_window": "24h",
        "created_at": 1,
        "endpoint": asked["endpoint"],
        "input_file_id": asked["input_file_id"],
        "object": "batch",
        "status": "in_progress",
        "metadata": asked["metadata"],
    }
    Batch.model_validate(made)
    double.batches[made["id"]] = made
    return made


def looked_at(double: OpenAIDouble, batch: dict[str, Any]) -> dict[str, Any]:
    """A batch as it is now: done when it was looked at often enough."""
    double.looks -= 1
    if double.looks >= 0 or batch["status"] != "in_progress":
        return batch
    output, failed = [], []
    lines = double.files[batch["input_file_id"]].decode().splitlines()
    for number, line in reversed(list(enumerate(lines))):
        asked = json.loads(line)
        if number in double.omit:
            continue
        done = {"id": f"r{number}", "custom_id": asked["custom_id"], "error": None}
        if number in double.spoil:
            double.received.update(asked["body"].get("input", []))
            body = {"error": {"message": "no such luck", "code": "server_error"}}
            failed.append(done | {"response": {"status_code": 500, "body": body}})
            continue
        body = double.reply(asked["url"], asked["body"])
        output.append(done | {"response": {"status_code": 200, "body": body}})
    batch["status"] = double.batch_ends
    for name, rows in (("output_file_id", output), ("error_file_id", failed)):
        if rows:
            batch[name] = f"file-{len(double.files)}"
            double.files[batch[name]] = "\n".join(
                json.dumps(row, ensure_ascii=False) for row in rows
            ).encode()
    Batch.model_validate(batch)
    return batch


def file_object(double: OpenAIDouble, name: str) -> dict[str, Any]:
    """What is told of a file."""
    filename, purpose = double.names[name]
    return {
        "id": name,
        "bytes": len(double.files[name]),
        "created_at": 1,
        "filename": filename,
        "object": "file",
        "purpose": purpose,
        "status": "processed",
    }


class OpenAIHandler(Handler):
    """The paths of models and embeddings."""

    double: OpenAIDouble

    def do_GET(self) -> None:
        if not self.authorised():
            return
        path, _, _ = self.path.partition("?")
        if path.startswith(("/v1/files", "/v1/batches")):
            self.get_batch(path)
            return
        name = path.rpartition("/")[2]
        if not self.double.knows_models:
            self.error(404, "unknown_url", f"Unknown request URL: {path}")
        elif name not in self.double.models:
            self.error(404, "model_not_found", f"The model `{name}` does not exist")
        else:
            model = {"id": name, "object": "model", "created": 1, "owned_by": "openai"}
            Model.model_validate(model)
            self.send_json(model | {"shutdown_date": self.double.models[name]})

    def do_POST(self) -> None:
        body = self.body()
        if not self.authorised():
            return
        if self.path in ("/v1/files", "/v1/batches"):
            self.post_batch(body)
            return
        with self.counted():
            self.embed(json.loads(body))

    def post_batch(self, body: bytes) -> None:
        """Take a file, or start a batch; a fault comes after the deed, as a lost answer does."""
        double, step = self.double, self.path.rpartition("/")[2]
        with double.lock:
            double.steps.append(step)
            made = self.take_file(body) if step == "files" else start(double, json.loads(body))
        self.conclude(step, made)

    def take_file(self, body: bytes) -> dict[str, Any]:
        """The file of a multipart form."""
        boundary = b"--" + self.headers["content-type"].partition("boundary=")[2].encode()
        parts = [part.strip(b"\r\n") for part in body.split(boundary)]
        head, _, content = next(p for p in parts if b"filename=" in p).partition(b"\r\n\r\n")
        assert b'name="file"' in head
        filename = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        given = next(p for p in parts if b'name="purpose"' in p)
        name = f"file-{len(self.double.files)}"
        self.double.files[name] = content
        self.double.names[name] = filename, given.rpartition(b"\r\n\r\n")[2].decode()
        made = file_object(self.double, name)
        FileObject.model_validate(made)
        return made

    def get_batch(self, path: str) -> None:
        """The content of a file, one batch or all."""
        double, parts = self.double, path.split("/")[2:]
        with double.lock:
            if parts[0] == "files":
                self.send_bytes(double.files[parts[1]])
                return
            if len(parts) == 1:
                data = list(double.batches.values())
                made: Any = {"object": "list", "data": data, "has_more": False}
            else:
                made = looked_at(double, double.batches[parts[1]])
        self.conclude("find" if len(parts) == 1 else "batch", made)

    def embed(self, asked: dict[str, Any]) -> None:
        double = self.double
        with double.lock:
            double.received.update(asked["input"])
            double.requests.append(asked)
        if fault := double.next_fault():
            fault(self)
            return
        made = answer(double, asked)
        if double.together:
            double.together.wait(timeout=20)
        with double.lock:
            double.answered.update(asked["input"])
        self.send_json(made)

    def authorised(self) -> bool:
        given = self.headers.get("authorization", "")
        if given == f"Bearer {self.double.key}":
            return True
        # The service repeats a part of a wrong key; this double repeats all of it.
        self.error(401, "invalid_api_key", f"Incorrect API key provided: {given[7:]}.")
        return False

    def error(self, status: int, code: str, message: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        self.send_json({"error": error}, status)
