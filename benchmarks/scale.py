"""What each stage takes at 1, 10 and 100 times Beauty, and a model of cost from it.

Run with `python -m benchmarks scale`; `--times 1 10`, `--stages embed reduce_pca` and `--prompts`
ask for less. Data are generated (`scale_data`) into a temporary folder, or into `--folder`, which
is kept; 100 times Beauty needs 10 GB of disk. Every stage is a process of its own. Sizes are gone
through in turn, and what a stage took at one of them tells the next: one that would not fit into
`--memory` is left out there, and only predicted. What was measured is added to
results/benchmarks/scale.json, so that a large size can be measured by parts in a `--folder`; the
tables are of all that stands there (`--stages` without a name prints them alone).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import RESULTS, machine  # noqa: E402
from benchmarks.scale_data import Size, write_amazon, write_csv  # noqa: E402
from benchmarks.scale_stages import STAGES  # noqa: E402
from llmseqrec.contracts import read_json, write_json  # noqa: E402

DRIVERS = {  # of one Beauty
    "an interaction": 198_500,
    "an item": 12_000,
    "a session": 22_363,
    "a test session": 4_470,
}
TARGET = RESULTS / "scale.json"
MACHINES = (24, 64)  # GiB
BASE = 0.2  # GiB that a process has before it reads anything: libraries
LEAST = 0.05  # seconds; less than that is not told apart


@dataclass(frozen=True)
class Asked:
    """What is measured: sizes, stages, prompts that are asked, and GiB that may be taken."""

    times: Sequence[float]
    stages: Sequence[str]
    prompts: int
    memory: float


def measure(folder: Path, asked: Asked, found: dict[str, dict[float, dict[str, Any]]]) -> None:
    """What every stage took, by size, into `found` and the file of results."""
    for times in asked.times:
        shop = folder / f"{times:g}"
        if not (shop / "items.csv").is_file():  # it is written last
            write_amazon(shop, Size(times))
            write_csv(shop, Size(times))
        for stage in asked.stages:
            expected = predicted({s: t for s, t in found[stage].items() if s != times}, times)
            if expected and expected["gib"] > asked.memory:
                print(f"{times:g} x {stage}: left out, {expected['gib']:.1f} GiB predicted")
                continue
            took = one(shop, stage, asked.prompts)
            if took is not None:
                found[stage][times] = took
                keep(found, asked.prompts)
                print(f"{times:g} x {stage}: {cell(took)}", flush=True)


def one(shop: Path, stage: str, prompts: int) -> dict[str, Any] | None:
    """One stage in a process of its own; None where it fails, which is printed."""
    command = [sys.executable, "-m", "benchmarks.scale_stages", str(shop), stage, str(prompts)]
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"{shop.name} x {stage}: failed: {(done.stderr.splitlines() or ['?'])[-1]}")
        return None
    took: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return took


def predicted(measured: dict[float, dict[str, Any]], times: float) -> dict[str, float] | None:
    """Seconds and GiB at another size, on the lines through what was measured."""
    if not measured:
        return None
    return {name: float(np.polyval(line(measured, name), times)) for name in ("cpu", "gib")}


def line(measured: dict[float, dict[str, Any]], name: str) -> tuple[float, float]:
    """Slope a Beauty, and what does not grow; a single size is taken to grow from nothing.

    Deviations count in proportion to what was measured: a small size says as much as a large one.
    """
    sizes = np.array(sorted(measured), dtype=float)
    values = np.array([measured[size][name] for size in sizes])
    if len(sizes) == 1:
        base = BASE if name == "gib" else 0.0
        return float(values[0] - base) / sizes[0], base
    slope, base = np.polyfit(sizes, values, 1, w=1 / np.maximum(values, LEAST))
    return (float(slope), float(base)) if slope > 0 else (0.0, float(values.mean()))


def cell(took: dict[str, Any]) -> str:
    """Processor time and peak memory."""
    return f"{took['cpu']:.1f} s, {took['gib']:.2f} GiB"


def table(found: dict[str, dict[float, dict[str, Any]]]) -> str:
    """A row a stage: measured values, what the smaller sizes said of the largest, what fits."""
    sizes = sorted({size for measured in found.values() for size in measured})
    heads = [f"{size:g} x" for size in sizes]
    heads += [f"{sizes[-1]:g} x, predicted", *(f"fits {limit} GiB up to" for limit in MACHINES)]
    rows = [["stage", *heads], ["---"] * (len(heads) + 1)]
    for stage, measured in found.items():
        if not measured:
            continue
        cells = [cell(measured[size]) if size in measured else "–" for size in sizes]
        before = predicted({s: took for s, took in measured.items() if s < sizes[-1]}, sizes[-1])
        gib, base = line(measured, "gib")
        cells.append(cell(before) if before else "–")
        cells += [f"{(limit - base) / gib:,.0f} x" if gib > 0 else "any" for limit in MACHINES]
        rows.append([stage, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def slopes(found: dict[str, dict[float, dict[str, Any]]]) -> str:
    """What one more interaction, item or session takes in each stage: time and memory."""
    rows = [["stage", *(f"µs, bytes {each}" for each in DRIVERS)], ["---"] * (len(DRIVERS) + 1)]
    for stage, measured in found.items():
        if measured:
            cpu, gib = line(measured, "cpu")[0], line(measured, "gib")[0]
            each = (f"{1e6 * cpu / n:.2f}, {2**30 * gib / n:,.0f}" for n in DRIVERS.values())
            rows.append([stage, *each])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def kept(prompts: int) -> dict[str, dict[float, dict[str, Any]]]:
    """What was measured before with as many prompts."""
    before = read_json(TARGET) if TARGET.is_file() else {"prompts": prompts, "stages": {}}
    if before["prompts"] != prompts:
        raise SystemExit(f"{TARGET} is of {before['prompts']} prompts: move it away first")
    stages = before["stages"]
    return {s: {float(size): took for size, took in stages.get(s, {}).items()} for s in STAGES}


def keep(found: dict[str, dict[float, dict[str, Any]]], prompts: int) -> None:
    """Write what was measured, now and before."""
    plain = {s: {f"{size:g}": took for size, took in rows.items()} for s, rows in found.items()}
    write_json({"prompts": prompts, "stages": plain, "machine": machine()}, TARGET)


def main(asked: Asked, folder: Path | None) -> None:
    """Measure, and print the tables of all that is known."""
    found = kept(asked.prompts)
    if asked.stages:
        with tempfile.TemporaryDirectory() as temporary:
            measure(folder or Path(temporary), asked, found)
    if any(found.values()):
        print(f"{table(found)}\n\n{slopes(found)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=float, nargs="+", default=[1, 10, 100])
    parser.add_argument("--stages", nargs="*", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--prompts", type=int, default=4_000)
    parser.add_argument("--memory", type=float, default=20.0, help="GiB a stage may take")
    parser.add_argument("--folder", type=Path, help="of the data; it is kept")
    given = parser.parse_args()
    main(Asked(given.times, given.stages, given.prompts, given.memory), given.folder)
