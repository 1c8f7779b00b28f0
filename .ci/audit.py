"""Looks up the locked packages among known vulnerabilities: `python .ci/audit.py`.

Ends with 0 where none is known, and with 1 and a line each where some are. A machine without a
connection is no fault: there it says so in one line and ends with 0. Further arguments are passed
on to pip-audit, such as `--ignore-vuln ID`.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ONE_ANSWER, ALL_ANSWERS = 10, 180  # seconds
# Of the last line of a failed run: the service is out of reach, or has troubles of its own.
UNREACHED = re.compile(r"(Connection|Connect|Proxy|SSL|Timeout|Service)\w*Error|ReadTimeout")
NO_CONNECTION = "audit skipped: no connection"


def main(arguments: list[str]) -> int:
    """Audit every lock, and torch, which stands in none."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text("\n".join(locked()), encoding="utf-8")
        try:
            done = ask([f"--requirement={pins}", *arguments])
        except subprocess.TimeoutExpired:
            return told(NO_CONNECTION)
    if done.stdout.strip():
        return verdict(json.loads(done.stdout)["dependencies"])
    reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return told(NO_CONNECTION) if UNREACHED.search(reason) else told(f"audit failed: {reason}", 1)


def locked() -> list[str]:
    """Every package that is pinned, without its hashes, which are of files and not of versions."""
    locks = [path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("requirements*.lock"))]
    torch = re.findall(r'"(torch==[^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = re.findall(r"^[a-z0-9._-]+==\S+", "\n".join(locks), flags=re.MULTILINE)
    return sorted({*pins, *torch})


def ask(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on what is locked, whatever is installed."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service=osv", "--no-deps"]
    command += ["--disable-pip", "--progress-spinner=off", "--format=json"]
    return subprocess.run(
        [*command, f"--timeout={ONE_ANSWER}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=ALL_ANSWERS,
    )


def verdict(packages: list[dict]) -> int:
    """Tell what is known of the packages."""
    found = 0
    for package in packages:
        for known in package.get("vulns", []):
            found = 1
            fixed = ", ".join(known.get("fix_versions") or []) or "no version yet"
            told(f"{package['name']} {package['version']}: {known['id']}, mended in {fixed}")
        if "skip_reason" in package:
            found = told(f"{package['name']}: not audited ({package['skip_reason']})", 1)
    if not found:
        told(f"audit: {len(packages)} packages, none with a known vulnerability")
    return found


def told(line: str, status: int = 0) -> int:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
