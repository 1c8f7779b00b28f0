"""What a user is told when something goes wrong: one line."""

import subprocess
from pathlib import Path


def line_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a job that failed; it holds no traceback, and the log has one if any."""
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "(traceback in " not in lines[0], lines[0]  # nobody had thought of it
    return lines[0]


def names(line: str, path: Path | str) -> bool:
    """Whether a line names a file, or the folder it lies in."""
    path = Path(path)
    return str(path) in line or str(path.parent) in line
