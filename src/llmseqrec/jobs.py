"""The frame around a job of the workflow: its log, and errors in one line."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from llmseqrec.errors import InputError


@contextmanager
def job(log: str) -> Iterator[None]:
    """Send log lines to a file; end on a problem with its one line on the terminal.

    The full traceback of an unexpected error goes to the log file.
    """
    logging.raiseExceptions = False  # a disk too full for the log says so by the error below
    try:
        handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    except OSError as error:
        sys.exit(f"error: {log}: cannot be written: {error.strerror}")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    _note_place()
    try:
        yield
    except InputError as error:
        logging.error("%s", error)
        sys.exit(f"error: {error}")
    except Exception as error:
        logging.error("%s", traceback.format_exc())
        sys.exit(f"error: {type(error).__name__}: {_first_line(error)} (traceback in {log})")


def _note_place() -> None:
    """Log where a job of a SLURM cluster runs, and on which GPUs it may compute."""
    if number := os.environ.get("SLURM_JOB_ID"):
        node = os.environ.get("SLURMD_NODENAME", "?")
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES") or "none"
        logging.info("SLURM job %s on %s, CUDA_VISIBLE_DEVICES: %s", number, node, gpus)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no message"])[0]
