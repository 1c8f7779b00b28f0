"""A server that speaks as Vertex AI's REST interface does, held to the types of Google's client."""

from __future__ import annotations

import json
import re
from typing import Any

from google.cloud.aiplatform_v1.types import PredictRequest, PredictResponse
from google.protobuf.json_format import ParseDict

from tests.doubles.server import Double, Handler, vector_of

PATH = re.compile(r"/v1/projects/p1/locations/([\w-]+)/publishers/google/models/([\w@.-]+):predict")
# Texts a request and width, by model.
MODELS = {"text-embedding-005": (250, 768), "gemini-embedding-001": (1, 3072)}
STATUSES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


def refuse(status: int, message: str = "no", **headers: str) -> Any:
    """Answer with an error as Google writes them."""

    def fault(handler: Handler) -> None:
        found = {"code": status, "message": message, "status": STATUSES.get(status, "UNAVAILABLE")}
        handler.send_json({"error": found}, status, **headers)

    return fault


class VertexHandler(Handler):
    """The path of predictions."""

    double: Double

    def do_POST(self) -> None:
        asked = json.loads(self.body())
        path = PATH.match(self.path)
        if path is None or path[2] not in MODELS:
            refuse(404, f"Publisher Model {self.path} was not found")(self)
            return
        ParseDict(asked, PredictRequest.pb(PredictRequest()))
        with self.counted():
            self.predict(asked, *MODELS[path[2]])

    def predict(self, asked: dict[str, Any], texts: int, width: int) -> None:
        double = self.double
        contents = [one["content"] for one in asked["instances"]]
        with double.lock:
            double.received.update(contents)
            double.requests.append(asked | {"headers": dict(self.headers)})
        if fault := double.next_fault():
            fault(self)
            return
        if len(contents) > texts or sum(len(one.encode()) for one in contents) > 20_000:
            refuse(400, "too much for one request")(self)
            return
        width = int(asked["parameters"].get("outputDimensionality", width))
        predictions = [
            {
                "embeddings": {
                    "values": vector_of(text, width).astype(float).tolist(),
                    "statistics": {"token_count": len(text.split()), "truncated": False},
                }
            }
            for text in contents
        ]
        made = double.alter({"predictions": predictions, "deployedModelId": "1"})
        ParseDict(made, PredictResponse.pb(PredictResponse()))
        with double.lock:
            double.answered.update(contents)
        self.send_json(made)
