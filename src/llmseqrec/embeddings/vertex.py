"""Item vectors of Google's Vertex AI (Gemini Enterprise Agent Platform)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.services.answers import Answer
from llmseqrec.services.cache import Source
from llmseqrec.services.division import Limits
from llmseqrec.services.google_client import GoogleClient, GooglePlace
from llmseqrec.services.problems import ServiceError

TEXTS, TOKENS, TEXT_TOKENS = 250, 20_000, 2048  # of one request
ONE_TEXT = "gemini-embedding"  # models of this family take one text a request


class VertexEmbeddings(PaidEmbeddings):
    """Vectors exactly as the service gives them; shortened ones are not of unit length."""

    @classmethod
    def source_of(cls, embedding: Embedding) -> Source:
        """What decides the vectors besides the text; project and region do not."""
        endpoint, width = place_of(embedding).endpoint, embedding.dimensions
        return Source("vertex", endpoint, embedding.model, None, width, embedding.task_type)

    @classmethod
    def missing_key(cls, embedding: Embedding) -> str | None:
        """Project and credentials, as Google's own libraries look for them."""
        return place_of(embedding).missing_key

    def service(self) -> VertexService:
        """The client."""
        return VertexService(self.embedding, self.access.services)


def place_of(embedding: Embedding) -> GooglePlace:
    """Where the service is asked, and who pays."""
    return GooglePlace(embedding.base_url, embedding.project, embedding.location)


class VertexService:
    """One request at a time through the official client over REST, whose own retries are off.

    Texts are never cut: `autoTruncate` is off, so that one too long is refused.

    Args:
        embedding: names the model.
        services: the time limit of a request.
    """

    def __init__(self, embedding: Embedding, services: Services) -> None:
        self.embedding = embedding
        self.services = services
        self.source = VertexEmbeddings.source_of(embedding)
        self.connection = GoogleClient(place_of(embedding), services)
        texts = 1 if embedding.model.startswith(ONE_TEXT) else TEXTS
        self.limits = Limits(min(embedding.batch_size, texts), TOKENS, TEXT_TOKENS)

    @cached_property
    def client(self) -> Any:
        """The official client.

        Raises:
            InputError: project or credentials are missing.
        """
        VertexEmbeddings.check_key(self.embedding)
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        return self.connection.make(PredictionServiceClient)

    def check_model(self) -> None:
        """Make the client; the service tells of a retired model in its first answer, for nothing.

        Raises:
            InputError: project or credentials are missing.
        """
        self.client  # noqa: B018

    def request(self, texts: Sequence[str]) -> Answer:
        """Send one request.

        Raises:
            ServiceError: there is no usable answer.
        """
        from google.cloud.aiplatform_v1.types import PredictResponse
        from google.protobuf.json_format import MessageToDict

        def ask() -> Any:
            answered = self.client.predict(
                endpoint=self._model, retry=None, timeout=self.services.timeout, **self._body(texts)
            )
            return MessageToDict(PredictResponse.pb(answered)).get("predictions", [])

        return answer_of(self.connection.call(ask, self.source.model))

    def _body(self, texts: Sequence[str]) -> dict[str, Any]:
        """Instances and parameters as the client wants them."""
        from google.protobuf.json_format import ParseDict
        from google.protobuf.struct_pb2 import Value

        task = {"task_type": self.source.task_type} if self.source.task_type else {}
        width = self.source.dimensions
        parameters = {"autoTruncate": False} | ({"outputDimensionality": width} if width else {})
        return {
            "instances": [ParseDict({"content": text, **task}, Value()) for text in texts],
            "parameters": ParseDict(parameters, Value()),
        }

    @property
    def _model(self) -> str:
        return f"{self.connection.place.parent}/publishers/google/models/{self.source.model}"


def answer_of(predictions: Sequence[Mapping[str, Any]]) -> Answer:
    """The vectors of a response, in the order of the texts: predictions carry no index.

    Raises:
        ServiceError: it has another form, or a text was cut.
    """
    vectors, tokens = [], 0.0
    try:
        for one in predictions:
            found = one["embeddings"]
            vectors.append(np.asarray(found["values"], dtype=np.float32))
            statistics = found["statistics"]
            tokens += float(statistics["token_count"])
            if statistics.get("truncated"):
                raise ServiceError("unusable answer: a text was cut", billed=True)
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            f"unusable answer: {type(error).__name__}: {error}", billed=True
        ) from None
    return Answer(range(len(vectors)), vectors, tokens)
