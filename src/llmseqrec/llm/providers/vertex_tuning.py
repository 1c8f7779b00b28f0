"""Tuning jobs of Google's Vertex AI.

Training files go to Cloud Storage by plain requests of its JSON interface: all that is needed is an
upload that is refused where the object is there already, which makes it safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from llmseqrec.config import VertexModelSettings
from llmseqrec.errors import InputError
from llmseqrec.llm.tuning_service import PREFIX, View
from llmseqrec.services.completions import canonical
from llmseqrec.services.google_client import GoogleClient
from llmseqrec.services.problems import ServiceError, wait_of, worth_another_try
from llmseqrec.services.secrets import without_secrets

_ENDED = {"succeeded", "partially_succeeded", "failed", "cancelled", "expired"}
_TITLE = 128  # characters of a display name
_SHOWN = 300  # characters of an error


@dataclass(frozen=True)
class VertexTuning:
    """Objects of Cloud Storage and tuning jobs, found again by name and label.

    Attributes:
        endpoint: the address, whatever the region.
        settings: of the configuration.
        title: for readers of the service's list of jobs.
        connect: gives the client; checks the key.
    """

    endpoint: str
    settings: VertexModelSettings
    title: str
    connect: Callable[[], GoogleClient]
    provider = "vertex"

    @property
    def base(self) -> str:
        """The model that is fine-tuned."""
        return self.settings.model

    def check_model(self) -> None:
        """Make the client; the service tells of a retired model when the job is submitted.

        Raises:
            InputError: project, credentials or bucket are missing.
        """
        self.connect()
        if self.settings.bucket is None:
            raise InputError(f"vertex {self.base}: tuning needs a bucket for its training files")

    def find_file(self, name: str) -> str | None:
        """The gs:// address of an object, or None."""
        found = self._stored("GET", f"storage/v1/b/{self.settings.bucket}/o/{quote(name, safe='')}")
        return None if found == 404 else self._address(name)

    def send_file(self, name: str, content: bytes) -> str:
        """Upload an object, unless there is one of the name; its gs:// address."""
        parameters = {"uploadType": "media", "name": name, "ifGenerationMatch": "0"}
        path = f"upload/storage/v1/b/{self.settings.bucket}/o"
        headers = {"content-type": "application/jsonl"}
        sent = self._stored("POST", path, params=parameters, data=content, headers=headers)
        if sent == 404:
            raise ServiceError(f"no bucket {self.settings.bucket!r}")
        return self._address(name)

    def find_job(self, name: str) -> View | None:
        """The latest job that runs or has made a model, or None."""

        def find() -> View | None:
            asked = {"parent": self._parent, "filter": f"labels.{PREFIX}={name}"}
            jobs = self._client.list_tuning_jobs(request=asked, **self._once)
            # A server that knows no such filter lists all of them.
            named = (self._view(job) for job in jobs if job.labels.get(PREFIX) == name)
            return next((one for one in named if one.model or not one.ended), None)

        return self.connect().call(find, self.base)

    def create_job(self, name: str, settings: dict[str, Any], files: list[str]) -> View:
        """Submit a job on a file to train with and, perhaps, one to validate with."""
        from google.cloud.aiplatform_v1.types import TuningJob

        uris = dict(zip(("trainingDatasetUri", "validationDatasetUri"), files, strict=False))
        asked = TuningJob.from_json(
            canonical(
                {
                    "baseModel": self.base,
                    "tunedModelDisplayName": self.title[:_TITLE] or PREFIX,
                    "labels": {PREFIX: name, **settings["labels"]},
                    "supervisedTuningSpec": uris | {"hyperParameters": settings["hyperParameters"]},
                }
            )
        )
        wanted = {"parent": self._parent, "tuning_job": asked}
        return self.connect().call(
            lambda: self._view(self._client.create_tuning_job(**wanted, **self._once)), self.base
        )

    def look(self, job: str) -> View:
        """A job as it is now."""
        return self.connect().call(
            lambda: self._view(self._client.get_tuning_job(name=job, **self._once)), self.base
        )

    def news(self, job: str) -> list[tuple[str, str]]:
        """Nothing: such jobs have no events."""
        return []

    def history(self, job: str) -> list[dict[str, float]]:
        """Nothing: the interface of jobs tells no losses."""
        return []

    @cached_property
    def _client(self) -> Any:
        from google.cloud.aiplatform_v1 import GenAiTuningServiceClient

        return self.connect().make(GenAiTuningServiceClient)

    @property
    def _once(self) -> dict[str, Any]:
        """How each request is sent: one try, which ends."""
        return {"retry": None, "timeout": self.connect().services.timeout}

    @property
    def _parent(self) -> str:
        return self.connect().place.parent

    def _address(self, name: str) -> str:
        return f"gs://{self.settings.bucket}/{name}"

    def _stored(self, method: str, path: str, **options: Any) -> int:
        """The status of a request to Cloud Storage: 2xx, 404, or 412 where an object is there.

        Raises:
            ServiceError: any other.
        """
        client, url = self.connect(), f"{self.settings.storage_url}/{path}"
        timeout = client.services.timeout
        answered = client.call(
            lambda: client.session(url).request(method, url, timeout=timeout, **options),
            "storage",
        )
        status = int(answered.status_code)
        if status < 300 or status in (404, 412):
            return status
        told = without_secrets(answered.text[:_SHOWN], [])
        again, wait = worth_another_try(status), wait_of(answered.headers)
        raise ServiceError(f"storage: {status}: {told}", again, wait=wait, status=status)

    def _view(self, job: Any) -> View:
        """A job as we see it; its data are counted once, and billed once an epoch."""
        status = job.state.name.removeprefix("JOB_STATE_").lower()
        stats = job.tuning_data_stats.supervised_tuning_data_stats
        counted = int(stats.total_billable_token_count) * self.settings.epochs
        model = job.tuned_model.endpoint if status == "succeeded" else None
        return View(
            job.name, status, status in _ENDED, model or None, counted or None, job.error.message
        )
