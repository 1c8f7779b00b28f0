"""Fine-tuning jobs of services: one state file a job, and no job or upload made twice.

A job has a name made of its content: service, base model, settings and the files it trains on. The
name goes along with what is uploaded and submitted. What became of a request without an answer, or
of a process that was killed, is found out by asking the service for that name before anything is
made again; and whoever wants the same content, as several runs do that only ask differently, shares
the job. The state file is written before each step and after it, and stays when the job is done.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from filelock import FileLock

from llmseqrec.contracts import read_json, write_json
from llmseqrec.errors import InputError
from llmseqrec.llm.tuning_service import PREFIX, Content, Record, TuningService, View
from llmseqrec.services.access import Access
from llmseqrec.services.completions import canonical
from llmseqrec.services.ledger import Demand
from llmseqrec.services.once import PAID_STATE, Made, Once
from llmseqrec.services.prices import usd
from llmseqrec.services.problems import ServiceError, with_retries
from llmseqrec.services.secrets import without_secrets
from llmseqrec.storage import make_folder, reading

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TuningJob:
    """One job, from its content to a fine-tuned model.

    Attributes:
        service: who trains.
        access: ledger, prices, whose texts.
        content: what is trained on.
        epochs: how often; the price is that of an epoch's tokens.
    """

    service: TuningService
    access: Access
    content: Content
    epochs: int

    @property
    def name(self) -> str:
        """Of the content: the same for the same."""
        content, service = self.content, self.service
        files = [None if one is None else hashlib.sha256(one).hexdigest() for one in self._parts()]
        told = [1, service.provider, service.endpoint, service.base, content.settings, files]
        return f"{PREFIX}-{hashlib.sha256(canonical(told).encode()).hexdigest()[:40]}"

    @property
    def path(self) -> Path:
        """The state file."""
        return self.access.services.jobs / f"{self.service.provider}.{self.name}.json"

    def run(self) -> Record:
        """Train, or take up or over what was begun; waits for the service.

        Raises:
            InputError: uploads are not allowed, money or quota is used up, the model is gone, or
                the job failed, was cancelled or takes too long; told in one line.
        """
        make_folder(self.path.parent)
        _LOG.info("%s: fine-tuning, state in %s", self._title, self.path)
        with FileLock(self.path.with_suffix(".lock")):
            record = self._read()
            if record.state == "succeeded":
                return record
            try:
                return self._wait(self._submitted(record))
            except ServiceError as problem:
                raise InputError(f"{self._title}: fine-tuning: {problem}") from None

    @property
    def bound(self) -> float:
        """Tokens that are trained at most: one a byte."""
        return len(self.content.training) * self.epochs

    @property
    def usd_per_million(self) -> float | None:
        """Price of an epoch's tokens, None where it is unknown."""
        price = self.access.prices.of(self.service.provider, self.service.base)
        return price.training_usd_per_million

    @property
    def _title(self) -> str:
        return f"{self.service.provider} {self.service.base}"

    def _parts(self) -> list[bytes | None]:
        return [self.content.training, self.content.validation]

    def _read(self) -> Record:
        if not self.path.is_file():
            return Record(self.name)
        remedy = f"look for {self.name} at the service, {PAID_STATE}"
        content = read_json(self.path, remedy)
        with reading(self.path, remedy=remedy):
            lists = {name: tuple(content[name]) for name in ("files", "history")}
            return Record(**content | lists)

    def _keep(self, record: Record) -> Record:
        write_json(asdict(record), self.path)
        return record

    def _submitted(self, record: Record) -> Record:
        """The record of a job that the service has, made now where it has none."""
        if record.state == "submitted":
            return record
        self.access.permission.check_upload(self.service.provider)
        self.service.check_model()
        self._reserve(record)
        unsure = record.state == "submitting"  # written by a process that ended there
        if not unsure:
            record = self._uploaded(self._keep(replace(record, state="uploading")))
            record = self._keep(replace(record, state="submitting"))
        service, settings, files = self.service, self.content.settings, list(record.files)
        submission = Once(
            find=lambda: service.find_job(record.name),
            make=lambda: service.create_job(record.name, settings, files),
            unsure=unsure,
        )
        view = self._made(record, submission)
        _LOG.info("%s: job %s submitted", self._title, view.job)
        return self._keep(replace(record, state="submitted", job=view.job))

    def _uploaded(self, record: Record) -> Record:
        """The record with the names of its files, each sent where the service lacks it."""
        service = self.service
        for content in self._parts()[len(record.files) :]:
            if content is None:
                continue
            name = f"{PREFIX}-{hashlib.sha256(content).hexdigest()[:40]}.jsonl"
            upload = Once(
                partial(service.find_file, name), partial(service.send_file, name, content)
            )
            found = self._made(record, upload)
            record = self._keep(replace(record, files=(*record.files, found)))
        return record

    def _made(self, record: Record, step: Once[Made]) -> Made:
        """What a step makes; where it was surely turned down, the job is forgotten."""
        try:
            return step.get(self.access.services.attempts)
        except ServiceError:
            if not step.unsure:
                self._forget(record)
            raise

    def _reserve(self, record: Record) -> None:
        ledger = self.access.ledger
        if ledger.entry_of(record.owner) is None:
            price = usd(self.bound, self.usd_per_million)
            demand = Demand(self.service.provider, self.service.base, self.bound, price)
            ledger.reserve(demand, record.owner)

    def _forget(self, record: Record) -> None:
        """Begin anew next time; nothing is due."""
        entry = self.access.ledger.entry_of(record.owner)
        if entry is not None:
            self.access.ledger.release(entry)
        self.path.unlink(missing_ok=True)

    def _wait(self, record: Record) -> Record:
        """Poll until the job has ended, and settle."""
        job, services, told = str(record.job), self.access.services, set[str]()
        give_up = time.monotonic() + services.job_hours * 3600
        while True:
            view = with_retries(lambda: self.service.look(job), services.attempts)
            self._tell(job, told)
            if view.ended:
                return self._settled(record, view)
            if time.monotonic() > give_up:
                raise InputError(
                    f"{self._title}: fine-tuning job {job} is {view.status} after"
                    f" {services.job_hours:g} hours (services.job_hours); run again to wait on"
                )
            time.sleep(services.job_poll)

    def _tell(self, job: str, told: set[str]) -> None:
        """Write the events that are new to the log; they decide nothing, so may be missed."""
        try:
            events = self.service.news(job)
        except ServiceError as problem:
            _LOG.info("%s: no events: %s", job, problem)
            return
        for name, text in events:
            if name not in told:
                told.add(name)
                _LOG.info("%s: %s", job, without_secrets(" ".join(text.split()), []))

    def _settled(self, record: Record, view: View) -> Record:
        """The record of a job that has succeeded.

        Raises:
            InputError: it has not.
        """
        ledger, entry = self.access.ledger, self.access.ledger.entry_of(record.owner)
        if view.model is None:
            if entry is not None:
                # A job that was stopped may be billed for what it had done.
                (ledger.release if view.status == "failed" else ledger.lose)(entry)
            self.path.unlink()
            told = " ".join(view.reason.split())
            reason = without_secrets(f": {told}" if told else "", [])
            raise InputError(
                f"{self._title}: fine-tuning job {view.job} {view.status}"
                f"{reason}; run again for a new one"
            )
        tokens = self.bound if view.tokens is None else view.tokens
        price = usd(tokens, self.usd_per_million)
        if entry is not None:
            ledger.settle(entry, tokens, price)
        done = replace(record, state="succeeded", model=view.model, tokens=tokens, usd=price)
        return self._keep(replace(done, history=self._history(view.job)))

    def _history(self, job: str) -> tuple[dict[str, float | None], ...]:
        """Losses by step; they decide nothing, so may be missed."""
        try:
            return tuple(dict(row) for row in self.service.history(job))
        except ServiceError as problem:
            _LOG.info("%s: no losses: %s", job, problem)
            return ()
