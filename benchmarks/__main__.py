"""Runs every benchmark, or those named: `python -m benchmarks metrics scoring`."""

import os
import subprocess
import sys
from pathlib import Path

CASES = (
    "cache",
    "metrics",
    "scoring",
    "sknn",
    "sknn_emb",
    "steam_reading",
    "embedding",
    "reduction",
    "losses",
    "training",
    "training_memory",
    "decoding",
    "search",
)
# They take many minutes, both cores, or many GiB.
ON_REQUEST = ("training_quality", "redraw", "scale", "scale_scoring", "scale_jobs")
ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    """Run the named cases in turn, each in a process of its own; all by default.

    Args:
        arguments: names, and behind them options, which each of the cases is given.
    """
    first = next((n for n, each in enumerate(arguments) if each.startswith("-")), len(arguments))
    names, options = arguments[:first], arguments[first:]
    known = (*CASES, *ON_REQUEST)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        return 1
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    codes = [
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *options],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths},
            check=False,
        ).returncode
        for name in names or CASES
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
