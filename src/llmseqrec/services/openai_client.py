"""OpenAI's official client, its own retries off, its errors told in one line without secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, TypeVar

from llmseqrec.config import Services
from llmseqrec.errors import InputError
from llmseqrec.services.problems import ServiceError, wait_of, with_retries, worth_another_try
from llmseqrec.services.secrets import key_from_environment, without_credentials, without_secrets

KEY, ADDRESS = "OPENAI_API_KEY", "OPENAI_BASE_URL"
ENDPOINT = "https://api.openai.com/v1"
# Refused for good, though the status is that of a rate limit.
_FINAL_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


def endpoint_of(base_url: str | None) -> str:
    """The address of the service: of the configuration, the environment, or OpenAI's own.

    Raises:
        InputError: it holds a user name or password.
    """
    found = base_url or key_from_environment(ADDRESS) or ENDPOINT
    return without_credentials(found, ADDRESS)


def missing_key(endpoint: str) -> str | None:
    """The key that OpenAI itself asks for; servers elsewhere may want none."""
    if key_from_environment(KEY) is None and endpoint == ENDPOINT:
        return f"no {KEY}"
    return None


@dataclass(frozen=True)
class OpenAIClient:
    """The client of one address.

    Attributes:
        endpoint: the address.
        services: the time limit and the tries of a request.
    """

    endpoint: str
    services: Services

    @cached_property
    def library(self) -> Any:
        """The official client."""
        from openai import OpenAI

        return OpenAI(
            api_key=key_from_environment(KEY) or "none",
            base_url=self.endpoint,
            max_retries=0,
            timeout=self.services.timeout,
        )

    def check_model(self, model: str) -> None:
        """Ask whether a model is still served.

        A server elsewhere that knows no such question is taken at its word.

        Raises:
            InputError: the model is retired or unknown, or the service turns us away.
        """
        try:
            found = self.tried(lambda: self.library.models.retrieve(model))
        except NotFoundError as problem:
            if self.endpoint != ENDPOINT and not problem.of_the_model:
                return
            raise InputError(f"openai: {model} is not served (any more): {problem}") from None
        except ServiceError as problem:
            raise InputError(f"openai {model}: {problem}") from None
        _check_shutdown(model, getattr(found, "shutdown_date", None))

    def tried(self, ask: Callable[[], Result]) -> Result:
        """The result of a call, made again where that may help.

        Raises:
            ServiceError: the last call failed.
        """
        return with_retries(lambda: self.call(ask), self.services.attempts)

    def call(self, ask: Callable[[], Result]) -> Result:
        """The result of a call of the library, its errors told without secrets.

        Raises:
            ServiceError: the call failed.
        """
        try:
            return ask()
        except (InputError, ServiceError):
            raise
        except Exception as error:
            raise _problem(error) from None


class NotFoundError(ServiceError):
    """A 404: of the model, or of the whole address."""

    of_the_model = False


def _check_shutdown(model: str, day: str | None) -> None:
    """Refuse a model whose last day is over; warn of one that has one."""
    if not day:
        return
    if date.fromisoformat(day[:10]) <= date.today():
        raise InputError(f"openai: {model} was retired on {day[:10]}; name another model")
    _LOG.warning("%s will be retired on %s", model, day[:10])


def _problem(error: Exception) -> ServiceError:
    """An error of the client in one line, and whether to try again."""
    import openai

    text = without_secrets(f"{type(error).__name__}: {error}", [os.environ.get(KEY)])
    if isinstance(error, openai.APIStatusError):
        return _refusal(error, text)
    if isinstance(error, openai.APIConnectionError):
        return ServiceError(text, again=True, billed=True)
    if isinstance(error, ValueError):  # JSON that ends too early
        return ServiceError(f"unreadable answer: {text}", again=True, billed=True)
    return ServiceError(text, billed=True)


def _refusal(error: Any, text: str) -> ServiceError:
    """An answer with a status of 400 or more."""
    if error.status_code == 404:
        missing = NotFoundError(text)
        missing.of_the_model = error.code == "model_not_found"
        return missing
    if error.status_code == 401:
        return ServiceError(f"{KEY} is not accepted: {text}")
    final = error.code in _FINAL_CODES or getattr(error, "type", None) in _FINAL_CODES
    again = worth_another_try(error.status_code) and not final
    wait, status = wait_of(error.response.headers), error.status_code
    return ServiceError(text, again, wait=wait, status=status)
