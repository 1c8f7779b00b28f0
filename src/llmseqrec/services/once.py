"""What a service is to make once, though its answer to the request may be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from llmseqrec.services.problems import ServiceError, with_retries

Made = TypeVar("Made")
# What to do about a damaged state file, where `delete it` could buy a thing twice.
PAID_STATE = "and delete this file only if it is not there or may be paid for again"


@dataclass
class Once(Generic[Made]):
    """Looks for a thing before every try to make it.

    Attributes:
        find: the service's copy, or None where it says that there is none.
        make: asks the service to make it.
        unsure: whether it may be there: an earlier try, of whichever process, was not answered.
    """

    find: Callable[[], Made | None]
    make: Callable[[], Made]
    unsure: bool = False

    def get(self, attempts: int) -> Made:
        """The thing, found or made.

        Raises:
            ServiceError: of the last attempt; unless `unsure` holds by then, nothing was made.
        """
        return with_retries(self._attempt, attempts)

    def _attempt(self) -> Made:
        found = self.find()
        if found is not None:
            return found
        self.unsure = False  # a look-up that fails leaves the doubt as it was
        try:
            return self.make()
        except BaseException as problem:
            self.unsure = not isinstance(problem, ServiceError) or problem.unsure
            raise
