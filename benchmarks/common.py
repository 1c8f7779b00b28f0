"""What all benchmarks share: the record of a case, with the machine it was measured on."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from llmseqrec.contracts import write_json

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results" / "benchmarks"


def record(case: dict[str, Any]) -> None:
    """Write a case to results/benchmarks/{name}.json and print it as a row.

    Args:
        case: name, ours, baseline, unit, ratio, target, met; further keys are kept.
    """
    write_json(case | {"machine": machine()}, RESULTS / f"{case['name']}.json")
    numbers = (f"{name} {_number(case[name])}" for name in ("ours", "baseline", "ratio", "target"))
    verdict = "met" if case["met"] else "NOT met"
    print(f"{case['name']:<24} {'  '.join(numbers)}  [{case['unit']}]  {verdict}", flush=True)


def machine() -> dict[str, Any]:
    """The processor, its cores, and the versions that matter for speed."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _number(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, (int, float)) else str(value)
