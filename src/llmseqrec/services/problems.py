"""What can go wrong with a request, and which of it is tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential_jitter,
)

LONGEST_WAIT = 120.0  # seconds; a service that asks for more is not waited for
RETRIED_STATUSES = frozenset({408, 409, 429})
_LOG = logging.getLogger(__name__)
_BACKOFF = wait_exponential_jitter(initial=0.5, max=30, jitter=0.5)
Result = TypeVar("Result")


class ServiceError(Exception):
    """A request that gave no vectors, told in one line without any secret.

    Args:
        message: what happened.
        again: whether another try may help.
        billed: whether the service may have done, and charged for, the work.
        wait: seconds the service asks to wait.
        status: of its answer, None where there was none.

    Attributes:
        unsure: whether what was to be made may be there all the same: an error of the service, or
            of one on the way to it, tells no more than silence does.
    """

    def __init__(
        self,
        message: str,
        again: bool = False,
        billed: bool = False,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(" ".join(message.split()))
        self.again = again and (wait or 0.0) <= LONGEST_WAIT
        self.billed = billed
        self.unsure = billed or (status is not None and (status == 408 or status >= 500))
        self.wait = wait


def worth_another_try(status: int) -> bool:
    """Whether a status code stands for something that passes."""
    return status in RETRIED_STATUSES or status >= 500


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers of an answer ask to wait, or None."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(float(headers[name]) * scale, 0.0)
        except (KeyError, ValueError):
            continue
    return None


def with_retries(attempt: Callable[[], Result], attempts: int) -> Result:
    """The result of the first attempt that succeeds.

    Waits as long as the service asks, else longer from try to try.

    Raises:
        ServiceError: of the last attempt, or of one that cannot be mended.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, ServiceError) and error.again),
        stop=stop_after_attempt(attempts),
        wait=_wait,
        before_sleep=_tell,
        reraise=True,
    )
    return retrying(attempt)


def _wait(state: RetryCallState) -> float:
    problem = state.outcome.exception() if state.outcome else None
    asked = problem.wait if isinstance(problem, ServiceError) else None
    return asked if asked is not None else _BACKOFF(state)


def _tell(state: RetryCallState) -> None:
    problem = state.outcome.exception() if state.outcome else None
    _LOG.warning("attempt %d: %s; trying again", state.attempt_number, problem)
