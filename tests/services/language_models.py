"""Prompts, files and settings that the tests of paid language models share."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmseqrec.config import Services
from llmseqrec.llm.parameters import SamplingParameters
from llmseqrec.llm.prompt_files import Line, write_prompts
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import Place, Request, TuningFiles
from llmseqrec.uploads import Permission
from tests.conftest import ROOT
from tests.doubles.server import Double, Handler

NAMES = tuple(f"{kind} {thing}" for kind in ("rose", "mint", "coal") for thing in ("soap", "oil"))
NEXT = dict(zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True))
LIKELIEST = SamplingParameters(temperature=0, max_tokens=20)


def question(name: str, chat: bool = True) -> Prompt:
    return Prompt("What is bought next?", name, "\n", chat, None if chat else " ###")


QUESTIONS = [question(name) for name in NAMES]


def tuning_files(folder: Path, chat: bool = True, validation: bool = True) -> TuningFiles:
    """After each name comes the next one."""
    end = "" if chat else " ###"
    lines = [Line(n, question(name, chat), NEXT[name] + end) for n, name in enumerate(NAMES)]
    files = TuningFiles(folder / "training.jsonl", folder / "validation.jsonl")
    write_prompts(lines, files.training)
    write_prompts(lines[:2] if validation else [], files.validation)
    return files


def place(folder: Path, run: str = "run") -> Place:
    return Place(folder / run, folder / "state", 1, f"tiny.temporal.full.{run}.seed1")


def request(samples: int = 1, **sampling: Any) -> Request:
    return Request(samples, LIKELIEST.model_copy(update=sampling), seed=1)


def permission(
    folder: Path, provider: str, max_usd: float | None = 1.0, **services: Any
) -> Permission:
    given: dict[str, Any] = {
        "completions": folder / "completions.sqlite",
        "ledger": folder / "ledger.sqlite",
        "jobs": folder / "jobs",
        "batches": folder / "batches",
        "prices": ROOT / "config" / "prices.yaml",
        "attempts": 3,
        "timeout": 60,
        "job_poll": 0.01,
        "batch_poll": 0.01,
        "concurrency": 1,
    }
    return Permission("tiny", [provider], max_usd, Services(**given | services))


def kill_at(double: Double, step: str, work: Callable[[Path, str], None], folder: Path) -> None:
    """Kill a process in a folder once the service has done a step and before it says so.

    Args:
        double: the service.
        step: as the double calls it.
        work: a function of a module, given the folder and the service's address.
        folder: where it works.
    """
    there, never = threading.Event(), threading.Event()

    def hold(handler: Handler) -> None:
        there.set()
        never.wait(300)

    double.step_faults = {step: [hold]}
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(folder, double.url))
    worker.start()
    assert there.wait(300)
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join()
    never.set()
