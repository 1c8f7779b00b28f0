"""Language models of Google's Vertex AI (Gemini Enterprise Agent Platform)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmseqrec.config import VertexModelSettings
from llmseqrec.llm.prompts import Example, Prompt
from llmseqrec.llm.providers.base import Request
from llmseqrec.llm.providers.paid import PaidProvider
from llmseqrec.services.completions import Asker, Completion, Question, canonical
from llmseqrec.services.google_client import GoogleClient, GooglePlace
from llmseqrec.services.problems import ServiceError

if TYPE_CHECKING:
    from llmseqrec.llm.providers.vertex_tuning import VertexTuning

PATH = ":generateContent"
ADAPTERS = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN", 32: "THIRTY_TWO"}


class VertexProvider(PaidProvider[VertexModelSettings]):
    """Tuning jobs, and answers by generateContent; several samples take several requests.

    A prompt that is no chat goes as one text of the user.
    """

    @classmethod
    def asker_of(cls, settings: VertexModelSettings) -> Asker:
        """Who is asked; project and region do not count."""
        return Asker("vertex", place_of(settings).endpoint, settings.model, PATH)

    @classmethod
    def missing_key(cls, settings: VertexModelSettings) -> str | None:
        """Project and credentials, as Google's own libraries look for them."""
        return place_of(settings).missing_key

    @cached_property
    def client(self) -> GoogleClient:
        """What makes clients.

        Raises:
            InputError: project or credentials are missing.
        """
        self.check_key(self.settings)
        return GoogleClient(place_of(self.settings), self.access.services)

    def tuning(self, title: str) -> VertexTuning:
        """The service that fine-tunes."""
        from llmseqrec.llm.providers.vertex_tuning import VertexTuning

        endpoint = self.asker_of(self.settings).endpoint
        return VertexTuning(endpoint, self.settings, title, lambda: self.client)

    def service(self, model: str) -> VertexAnswers:
        """The service that asks one model."""
        return VertexAnswers(self, model)

    def tuning_line(self, example: Example) -> dict[str, Any]:
        """Contents of the user and of the model."""
        asked = _contents(example.prompt)
        answer = {"role": "model", "parts": [{"text": example.answer}]}
        return asked | {"contents": [*asked["contents"], answer]}

    def tuning_settings(self, seed: int) -> dict[str, Any]:
        """The service takes no seed of training; as a label it keeps the jobs of seeds apart."""
        own = self.settings
        size = None if own.adapter_size is None else ADAPTERS[own.adapter_size]
        chosen = {
            "epochCount": str(own.epochs),
            "learningRateMultiplier": own.learning_rate_multiplier,
            "adapterSize": size and f"ADAPTER_SIZE_{size}",
        }
        given = {key: value for key, value in chosen.items() if value is not None}
        return {"hyperParameters": given, "labels": {"seed": str(seed)}}

    def body(self, model: str, prompt: Prompt, request: Request) -> dict[str, Any]:
        """What one request asks for; the model without the project, where it has none."""
        own, sampling = self.settings, request.sampling
        budget = own.thinking_budget
        extra = {
            "stopSequences": [prompt.stop] if prompt.stop else None,
            "seed": request.seed if own.seeded else None,
            "thinkingConfig": None if budget is None else {"thinkingBudget": budget},
        }
        config = {
            "temperature": sampling.temperature,
            "topP": sampling.top_p,
            "maxOutputTokens": sampling.max_tokens,
            "candidateCount": request.samples,
            **{key: value for key, value in extra.items() if value is not None},
        }
        return {"model": model, **_contents(prompt), "generationConfig": config}


def place_of(settings: VertexModelSettings) -> GooglePlace:
    """Where the service is asked, and who pays."""
    return GooglePlace(settings.base_url, settings.project, settings.location)


class VertexAnswers:
    """Asks one model through the official client over REST.

    Args:
        provider: whose settings and client are used.
        model: the base model, or the endpoint of one made from it.
    """

    def __init__(self, provider: VertexProvider, model: str) -> None:
        self.provider = provider
        self.model = model
        self.asker = provider.asker_of(provider.settings)

    @cached_property
    def client(self) -> Any:
        """The official client.

        Raises:
            InputError: project or credentials are missing.
        """
        from google.cloud.aiplatform_v1 import PredictionServiceClient

        return self.provider.client.make(PredictionServiceClient)

    def check_model(self) -> None:
        """Make the client; the service tells of a retired model in its first answer, for nothing.

        Raises:
            InputError: project or credentials are missing.
        """
        self.client  # noqa: B018

    def most_answered(self, question: Question) -> int:
        """Tokens of all answers to a question at most."""
        config = question.body["generationConfig"]
        return int(config["candidateCount"] * config["maxOutputTokens"])

    def ask(self, question: Question) -> Completion:
        """Send one request.

        Raises:
            ServiceError: there is no usable answer.
        """
        from google.cloud.aiplatform_v1.types import GenerateContentRequest

        asked = GenerateContentRequest.from_json(
            canonical(question.body | {"model": self._full_name})
        )
        connection = self.provider.client
        timeout = connection.services.timeout
        answered = connection.call(
            lambda: self.client.generate_content(request=asked, retry=None, timeout=timeout),
            self.model,
        )
        return answer_of(question, answered)

    @property
    def _full_name(self) -> str:
        if "/" in self.model:
            return self.model
        return f"{self.provider.client.place.parent}/publishers/google/models/{self.model}"


def answer_of(question: Question, response: Any) -> Completion:
    """The texts of a response, without what the model thought; empty where it declined.

    Raises:
        ServiceError: it has another number of answers.
    """
    wanted = question.body["generationConfig"]["candidateCount"]
    texts = tuple(
        "".join(part.text for part in one.content.parts if not part.thought)
        for one in sorted(response.candidates, key=lambda one: int(one.index))
    )
    if not texts and response.prompt_feedback.block_reason:
        texts = ("",) * wanted
    if len(texts) != wanted:
        raise ServiceError(f"unusable answer: {len(texts)} texts for {wanted}", billed=True)
    usage = response.usage_metadata
    answered = usage.candidates_token_count + usage.thoughts_token_count
    return Completion(texts, float(usage.prompt_token_count), float(answered))


def _contents(prompt: Prompt) -> dict[str, Any]:
    user = prompt.user if prompt.chat else prompt.text
    asked: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": user}]}]}
    if prompt.chat and prompt.system:
        asked["systemInstruction"] = {"parts": [{"text": prompt.system}]}
    return asked
