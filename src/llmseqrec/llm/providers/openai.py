"""Language models of OpenAI, or of a server that speaks as OpenAI does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmseqrec.config import OpenAIModelSettings
from llmseqrec.llm.prompts import Example, Prompt
from llmseqrec.llm.providers.base import Request
from llmseqrec.llm.providers.paid import PaidProvider
from llmseqrec.services.asking import Asking, Tariff
from llmseqrec.services.completions import Asker, Completion, Question
from llmseqrec.services.openai_client import OpenAIClient, endpoint_of, missing_key
from llmseqrec.services.problems import ServiceError

if TYPE_CHECKING:
    from llmseqrec.llm.providers.openai_tuning import OpenAITuning

CHAT, TEXT = "/v1/chat/completions", "/v1/completions"


class OpenAIProvider(PaidProvider[OpenAIModelSettings]):
    """Fine-tuning jobs, and answers by chat, by completion, or by the Batch API.

    A prompt that is no chat goes to a chat model as one message of the user.
    """

    @classmethod
    def asker_of(cls, settings: OpenAIModelSettings) -> Asker:
        """Who is asked; reaches for nothing."""
        path = TEXT if settings.completions else CHAT
        return Asker("openai", endpoint_of(settings.base_url), settings.model, path)

    @classmethod
    def missing_key(cls, settings: OpenAIModelSettings) -> str | None:
        """The key that OpenAI itself asks for; servers elsewhere may want none."""
        return missing_key(endpoint_of(settings.base_url))

    @cached_property
    def client(self) -> OpenAIClient:
        """The client.

        Raises:
            InputError: there is no key.
        """
        self.check_key(self.settings)
        return OpenAIClient(endpoint_of(self.settings.base_url), self.access.services)

    def tuning(self, title: str) -> OpenAITuning:
        """The service that fine-tunes."""
        from llmseqrec.llm.providers.openai_tuning import OpenAITuning

        asker = self.asker_of(self.settings)
        return OpenAITuning(asker.endpoint, asker.base, title, lambda: self.client)

    def service(self, model: str) -> OpenAIAnswers:
        """The service that asks one model."""
        return OpenAIAnswers(self, model)

    def complete(self, asking: Asking, questions: Sequence[Question]) -> None:
        """Bring the answers to questions into the cache, by the Batch API where that is wanted.

        Raises:
            InputError: they cannot be bought.
        """
        if not self.settings.batch:
            super().complete(asking, questions)
        elif asking.cache.missing(questions):
            from llmseqrec.services.asking_batch import BatchAsking

            BatchAsking(asking, questions, self.client, answer_of, tokens_of).complete()

    def tariff(self, model: str, batch: bool = False) -> Tariff:
        """Prices of the base model or of one made from it, by the Batch API where that is used."""
        return super().tariff(model, self.settings.batch)

    def tuning_line(self, example: Example) -> dict[str, Any]:
        """Messages, or a prompt and its completion."""
        if self.settings.completions:
            return {"prompt": example.prompt.text, "completion": example.answer}
        return {"messages": _messages(example.prompt, example.answer)}

    def tuning_settings(self, seed: int) -> dict[str, Any]:
        """Of the method; what is null is the service's to choose."""
        own = self.settings
        chosen = {
            "n_epochs": own.epochs,
            "batch_size": own.batch_size,
            "learning_rate_multiplier": own.learning_rate_multiplier,
        }
        given = {key: value for key, value in chosen.items() if value is not None}
        return {
            "method": {"type": "supervised", "supervised": {"hyperparameters": given}},
            "seed": seed,
        }

    def body(self, model: str, prompt: Prompt, request: Request) -> dict[str, Any]:
        """What one request asks for."""
        own, sampling = self.settings, request.sampling
        asked = (
            {"prompt": prompt.text, "max_tokens": sampling.max_tokens}
            if own.completions
            else {"messages": _messages(prompt), own.length_key: sampling.max_tokens}
        )
        extra = {
            "stop": prompt.stop,
            "seed": request.seed if own.seeded else None,
            "reasoning_effort": own.reasoning_effort,
        }
        return {
            "model": model,
            "n": request.samples,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            **asked,
            **{key: value for key, value in extra.items() if value is not None},
        }


class OpenAIAnswers:
    """Asks one model.

    Args:
        provider: whose settings and client are used.
        model: the base model or one made from it.
    """

    def __init__(self, provider: OpenAIProvider, model: str) -> None:
        self.provider = provider
        self.model = model
        self.asker = provider.asker_of(provider.settings)

    def check_model(self) -> None:
        """Ask whether the model is still served.

        Raises:
            InputError: it is retired or unknown, or the service turns us away.
        """
        self.provider.client.check_model(self.model)

    def most_answered(self, question: Question) -> int:
        """Tokens of all answers to a question at most."""
        body = question.body
        longest = body.get("max_tokens") or body["max_completion_tokens"]
        return int(body["n"] * longest)

    def ask(self, question: Question) -> Completion:
        """Send one request.

        Raises:
            ServiceError: there is no usable answer.
        """
        client = self.provider.client
        library = client.library
        create = library.completions.create if self.asker.path == TEXT else _chat(library)
        return answer_of(question, client.call(lambda: create(**question.body)))


def answer_of(question: Question, response: Any) -> Completion:
    """The texts of a response, which the client does not check.

    Args:
        question: what was asked.
        response: object with `choices` and `usage`, as the client or a batch's line gives it.

    Raises:
        ServiceError: it has another form, or another number of answers.
    """
    try:
        choices = sorted(response.choices, key=lambda one: int(one.index))
        texts = tuple(_text(one) for one in choices)
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(error) from None
    wanted = question.body["n"]
    if len(texts) != wanted:
        raise ServiceError(
            f"unusable answer: {len(texts)} texts for {wanted}; a server that knows no `n` needs"
            " samples_a_request: 1",
            billed=True,
        )
    return Completion(texts, *tokens_of(response))


def tokens_of(response: Any) -> tuple[float, float]:
    """Tokens of question and answers, as a response counts them, whatever else it holds.

    Raises:
        ServiceError: it does not tell.
    """
    try:
        usage = response.usage
        return float(usage.prompt_tokens), float(usage.completion_tokens)
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> ServiceError:
    return ServiceError(f"unusable answer: {type(error).__name__}: {error}", billed=True)


def _text(choice: Any) -> str:
    """The text of a message or a completion; empty where the model declined."""
    message = getattr(choice, "message", None)
    text = choice.text if message is None else message.content
    if text is not None and not isinstance(text, str):
        raise TypeError("a text is none")
    return text or ""


def _chat(library: Any) -> Any:
    return library.chat.completions.create


def _messages(prompt: Prompt, answer: str | None = None) -> list[dict[str, str]]:
    if prompt.chat:
        return prompt.messages(answer)
    whole = Prompt("", prompt.text, "", True, prompt.stop)
    return whole.messages(answer)
