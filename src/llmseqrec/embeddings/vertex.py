"""Item vectors of Google's Vertex AI (Gemini Enterprise Agent Platform)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from llmseqrec.config import Embedding, Services
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.errors import InputError
from llmseqrec.services.answers import Answer
from llmseqrec.services.cache import Source
from llmseqrec.services.division import Limits
from llmseqrec.services.problems import ServiceError, wait_of, worth_another_try
from llmseqrec.services.secrets import (
    key_from_environment,
    without_credentials,
    without_secrets,
)

ENDPOINT = "https://aiplatform.googleapis.com"
PROJECT, CREDENTIALS = "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"
TEXTS, TOKENS, TEXT_TOKENS = 250, 20_000, 2048  # of one request
ONE_TEXT = "gemini-embedding"  # models of this family take one text a request
_VENDOR = Path("/sys/class/dmi/id/product_name")  # on Google's machines the key is in the network


class VertexEmbeddings(PaidEmbeddings):
    """Vectors exactly as the service gives them; shortened ones are not of unit length."""

    @classmethod
    def source_of(cls, embedding: Embedding) -> Source:
        """What decides the vectors besides the text; project and region do not."""
        endpoint = without_credentials(embedding.base_url or ENDPOINT, "base_url")
        return Source(
            "vertex", endpoint, embedding.model, None, embedding.dimensions, embedding.task_type
        )

    @classmethod
    def missing_key(cls, embedding: Embedding) -> str | None:
        """Project and credentials, as Google's own libraries look for them."""
        if project_of(embedding) is None:
            return f"no {PROJECT}"
        if is_plain(embedding) or _has_credentials():
            return None
        return f"no Google credentials: set {CREDENTIALS}"

    def service(self) -> VertexService:
        """The client."""
        return VertexService(self.embedding, self.access.services)


def project_of(embedding: Embedding) -> str | None:
    """Who pays: of the configuration or the environment."""
    return embedding.project or key_from_environment(PROJECT)


def is_plain(embedding: Embedding) -> bool:
    """Whether the address is one without encryption, which no credentials are sent to."""
    return (embedding.base_url or ENDPOINT).startswith("http://")


def _no_credentials() -> Any:
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()  # type: ignore[no-untyped-call]


def _has_credentials() -> bool:
    folder = Path(os.environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
    files = [os.environ.get(CREDENTIALS), folder / "application_default_credentials.json"]
    if any(file and Path(file).is_file() for file in files):
        return True
    return _VENDOR.is_file() and "Google" in _VENDOR.read_text(encoding="utf-8", errors="replace")


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
        texts = 1 if embedding.model.startswith(ONE_TEXT) else TEXTS
        self.limits = Limits(min(embedding.batch_size, texts), TOKENS, TEXT_TOKENS)

    @cached_property
    def client(self) -> Any:
        """The official client.

        Raises:
            InputError: project or credentials are missing.
        """
        VertexEmbeddings.check_key(self.embedding)
        from google.api_core.client_options import ClientOptions
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        try:
            return PredictionServiceClient(
                transport="rest",
                credentials=_no_credentials() if is_plain(self.embedding) else None,
                client_options=ClientOptions(api_endpoint=self._address),
            )
        except GoogleAuthError as error:
            raise InputError(f"vertex: {without_secrets(str(error), [])}") from None

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

        try:
            answered = self.client.predict(
                endpoint=self._model, retry=None, timeout=self.services.timeout, **self._body(texts)
            )
            predictions = MessageToDict(PredictResponse.pb(answered)).get("predictions", [])
        except Exception as error:
            raise self._problem(error) from None
        return answer_of(predictions)

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
    def _address(self) -> str:
        if self.embedding.base_url:
            return self.source.endpoint
        region = self.embedding.location
        host = ENDPOINT.removeprefix("https://")
        return host if region == "global" else f"{region}-{host}"

    @property
    def _model(self) -> str:
        place = f"projects/{project_of(self.embedding)}/locations/{self.embedding.location}"
        return f"{place}/publishers/google/models/{self.source.model}"

    def _problem(self, error: Exception) -> ServiceError:
        """An error of the client in one line, and whether to try again."""
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import ParseError
        from requests.exceptions import RequestException

        text = without_secrets(f"{type(error).__name__}: {error}", [])
        if isinstance(error, GoogleAPICallError) and error.code is not None:
            status = int(error.code)
            if status == 404:
                text = f"{self.source.model} is not served (any more): {text}"
            headers = getattr(error.response, "headers", {})
            return ServiceError(text, worth_another_try(status), wait=wait_of(headers))
        if isinstance(error, GoogleAuthError):
            return ServiceError(text)
        if isinstance(error, (RequestException, ParseError, ValueError)):
            return ServiceError(text, again=True, billed=True)
        return ServiceError(text, billed=True)


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
