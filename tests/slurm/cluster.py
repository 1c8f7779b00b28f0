"""A SLURM cluster of two nodes on this machine, and the workflow's calls on it."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.workflow.copies import environment

HERE = Path(__file__).resolve().parent
# Jobs of seconds on a file system of this machine: what the profile has is for clusters.
HASTE = (
    "--slurm-init-seconds-before-status-checks=8",
    "--latency-wait=5",
    "--slurm-keep-successful-logs",
)
Job = dict[str, str]


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        base: the folder of its files.
        retried: numbers of jobs that were tried again, for the summary.
    """

    base: Path
    retried: list[str] = field(default_factory=list)

    def jobs(self, run_id: str) -> dict[str, Job]:
        """All jobs that one snakemake call submitted, by number, as `scontrol` tells them."""
        told = output("scontrol", "show", "job", "--oneliner").splitlines()
        found = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in told]
        return {job["JobId"]: job for job in found if job.get("JobName") == run_id}

    def ended(self) -> dict[str, str]:
        """State of each ended job by number, from the file of completed jobs."""
        lines = (self.base / "log" / "jobs.txt").read_text(encoding="utf-8")
        return dict(re.findall(r"^JobId=(\d+) .*? JobState=(\S+)", lines, re.M))

    def cancel(self, run_id: str) -> None:
        """Cancel what a killed snakemake left behind, and wait for its end."""
        output("scancel", "--name", run_id)
        # One job of this name at a time: this one starts when the last of the others has ended.
        output("srun", "--job-name", run_id, "--dependency=singleton", "true")


def output(*command: str) -> str:
    """What a command of SLURM prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def submit(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start snakemake on the cluster; its messages are read from `stderr`."""
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"]
    return subprocess.Popen(
        [*command, *HASTE, *arguments],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_until(messages: IO[str], pattern: str) -> str:
    """Messages up to the first line that holds a pattern.

    Raises:
        AssertionError: they ended before.
    """
    read: list[str] = []
    for line in messages:
        read.append(line)
        if re.search(pattern, line):
            return "".join(read)
    raise AssertionError(f"no {pattern!r} in:\n{''.join(read)[-4000:]}")


def run_id(messages: str) -> str:
    """What the executor calls this run; its jobs bear that name."""
    found = re.search(r"SLURM run ID: (\S+)", messages)
    assert found is not None, messages[-4000:]
    return found[1]


def kill(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, if it lives, without notice."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
