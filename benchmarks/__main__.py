"""Runs every benchmark, or those named: `python -m benchmarks metrics scoring`."""

import sys
from importlib import import_module
from pathlib import Path

CASES = ("metrics", "scoring", "sknn", "steam_reading")


def main(names: list[str]) -> int:
    """Run the named cases in turn; all by default."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    unknown = [name for name in names if name not in CASES]
    if unknown:
        print(f"error: no benchmark {unknown[0]!r}; there are {', '.join(CASES)}", file=sys.stderr)
        return 1
    for name in names or CASES:
        import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
