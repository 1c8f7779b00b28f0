"""Google's official clients of Vertex AI over REST, their own retries off, errors in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from llmseqrec.config import Services
from llmseqrec.errors import InputError
from llmseqrec.services.problems import ServiceError, wait_of, with_retries, worth_another_try
from llmseqrec.services.secrets import key_from_environment, without_credentials, without_secrets

ENDPOINT = "https://aiplatform.googleapis.com"
PROJECT, CREDENTIALS = "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_VENDOR = Path("/sys/class/dmi/id/product_name")  # on Google's machines the key is in the network
Result = TypeVar("Result")


@dataclass(frozen=True)
class GooglePlace:
    """Where a service of Google is asked, and who pays.

    Attributes:
        base_url: another address, or None.
        own_project: of the configuration, or None.
        location: the region.
    """

    base_url: str | None
    own_project: str | None
    location: str

    @property
    def endpoint(self) -> str:
        """The address, whatever the region is.

        Raises:
            InputError: it holds a user name or password.
        """
        return without_credentials(self.base_url or ENDPOINT, "base_url")

    @property
    def address(self) -> str:
        """The address of the region."""
        if self.base_url:
            return self.endpoint
        host = ENDPOINT.removeprefix("https://")
        return host if self.location == "global" else f"{self.location}-{host}"

    @property
    def plain(self) -> bool:
        """Whether the address is one without encryption, which no credentials are sent to."""
        return _plain(self.endpoint)

    @property
    def project(self) -> str | None:
        """Who pays: of the configuration or the environment."""
        return self.own_project or key_from_environment(PROJECT)

    @property
    def parent(self) -> str:
        """What the names of the project's own things begin with."""
        return f"projects/{self.project}/locations/{self.location}"

    @property
    def missing_key(self) -> str | None:
        """Project and credentials, as Google's own libraries look for them."""
        if self.project is None:
            return f"no {PROJECT}"
        if self.plain or _has_credentials():
            return None
        return f"no Google credentials: set {CREDENTIALS}"


@dataclass(frozen=True)
class GoogleClient:
    """The clients of one place.

    Attributes:
        place: the address.
        services: the time limit and the tries of a request.
    """

    place: GooglePlace
    services: Services

    def make(self, kind: Any) -> Any:
        """A client of the library's class.

        Raises:
            InputError: credentials are missing or broken.
        """
        from google.api_core.client_options import ClientOptions
        from google.auth.exceptions import GoogleAuthError

        try:
            return kind(
                transport="rest",
                credentials=_no_credentials() if self.place.plain else None,
                client_options=ClientOptions(api_endpoint=self.place.address),
            )
        except GoogleAuthError as error:
            raise InputError(f"vertex: {without_secrets(str(error), [])}") from None

    def session(self, url: str) -> Any:
        """A session of plain requests, for the service that keeps files.

        Args:
            url: where they go, which need not be the place; without encryption no credentials do.

        Raises:
            InputError: credentials are missing or broken.
        """
        return self._anonymous if _plain(url) else self._authorised

    @cached_property
    def _anonymous(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(_no_credentials())  # type: ignore[no-untyped-call]

    @cached_property
    def _authorised(self) -> Any:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import AuthorizedSession

        try:
            found, _ = google.auth.default(scopes=[_SCOPE])
            return AuthorizedSession(found)  # type: ignore[no-untyped-call]
        except GoogleAuthError as error:
            raise InputError(f"vertex: {without_secrets(str(error), [])}") from None

    def tried(self, ask: Callable[[], Result], model: str) -> Result:
        """The result of a call, made again where that may help.

        Raises:
            ServiceError: the last call failed.
        """
        return with_retries(lambda: self.call(ask, model), self.services.attempts)

    def call(self, ask: Callable[[], Result], model: str) -> Result:
        """The result of a call of a client, its errors told in one line.

        Args:
            ask: the call.
            model: what a 404 is about.

        Raises:
            ServiceError: the call failed.
        """
        try:
            return ask()
        except (InputError, ServiceError):
            raise
        except Exception as error:
            raise _problem(error, model) from None


def _plain(url: str) -> bool:
    """Whether an address is one without encryption."""
    return urlsplit(url).scheme == "http"


def _no_credentials() -> Any:
    from google.auth.credentials import AnonymousCredentials

    return AnonymousCredentials()  # type: ignore[no-untyped-call]


def _has_credentials() -> bool:
    folder = Path(os.environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
    files = [os.environ.get(CREDENTIALS), folder / "application_default_credentials.json"]
    if any(file and Path(file).is_file() for file in files):
        return True
    return _VENDOR.is_file() and "Google" in _VENDOR.read_text(encoding="utf-8", errors="replace")


def _problem(error: Exception, model: str) -> ServiceError:
    """An error of a client in one line, and whether to try again."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.protobuf.json_format import ParseError
    from requests.exceptions import RequestException

    text = without_secrets(f"{type(error).__name__}: {error}", [])
    if isinstance(error, GoogleAPICallError) and error.code is not None:
        status = int(error.code)
        if status == 404:
            text = f"{model} is not served (any more): {text}"
        headers = getattr(error.response, "headers", {})
        again, wait = worth_another_try(status), wait_of(headers)
        return ServiceError(text, again, wait=wait, status=status)
    if isinstance(error, GoogleAuthError):
        return ServiceError(text)
    if isinstance(error, (RequestException, ParseError, ValueError)):
        return ServiceError(text, again=True, billed=True)
    return ServiceError(text, billed=True)
