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
ON_REQUEST = ("training_quality", "redraw")  # the one takes many minutes, the other both cores
ROOT = Path(__file__).resolve().parents[1]


def main(names: list[str]) -> int:
    """Run the named cases in turn, each in a process of its own; all by default."""
    known = (*CASES, *ON_REQUEST)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        return 1
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    codes = [
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": paths},
            check=False,
        ).returncode
        for name in names or CASES
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
