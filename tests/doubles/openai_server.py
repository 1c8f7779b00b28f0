"""A server that speaks as OpenAI does, held to the types of OpenAI's own client."""

from __future__ import annotations

import base64
import json
from typing import Any

from openai.types import CreateEmbeddingResponse, EmbeddingCreateParams, Model
from pydantic import TypeAdapter

from tests.doubles.server import Double, Handler, vector_of

REQUEST = TypeAdapter(EmbeddingCreateParams)
MODELS = {
    "text-embedding-3-small": None,
    "text-embedding-ada-002": None,
    "text-embedding-old": "2026-01-01",
}


class OpenAIDouble(Double):
    """Counts what it is sent; refuses what the service is known to refuse."""

    key = "sk-test-0123456789abcdef"


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


class OpenAIHandler(Handler):
    """The paths of models and embeddings."""

    double: OpenAIDouble

    def do_GET(self) -> None:
        if not self.authorised():
            return
        name = self.path.rpartition("/")[2]
        if name not in MODELS:
            self.error(404, "model_not_found", f"The model `{name}` does not exist")
            return
        model = {"id": name, "object": "model", "created": 1, "owned_by": "openai"}
        Model.model_validate(model)
        self.send_json(model | {"shutdown_date": MODELS[name]})

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        if not self.authorised():
            return
        with self.counted():
            self.embed(asked)

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
