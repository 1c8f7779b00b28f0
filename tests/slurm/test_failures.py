"""A job that runs out of memory and one that is cancelled: both are reported and tried again."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import tiny_content, tiny_rows
from tests.slurm.cluster import Cluster, kill, run_id, submit
from tests.workflow.copies import copy_project

# MB. The first attempt holds more than it was given until it is killed; the second is cancelled.
ASKED, HELD = 600, 700
TROUBLE = f"""
import os, signal, subprocess
if snakemake.resources.mem_mb < 3 * {ASKED}:
    if snakemake.resources.mem_mb < {HELD}:
        held = b"x" * ({HELD} << 20)
    else:
        subprocess.run(["scancel", os.environ["SLURM_JOB_ID"]])
    signal.pause()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The tiny dataset, whose preparation is in trouble twice."""
    folder = copy_project(tmp_path / "project")
    (folder / "raw").mkdir()
    (folder / "raw" / "rows.csv").write_text("\n".join(tiny_rows()) + "\n")
    (folder / "mine.yaml").write_text(yaml.safe_dump(tiny_content(folder / "raw")))
    rules = folder / "workflow" / "rules" / "data.smk"
    rules.write_text(rules.read_text().replace("memory(4000)", f"memory({ASKED})"))
    script = folder / "workflow" / "scripts" / "prepare_sessions.py"
    script.write_text(TROUBLE + script.read_text())
    return folder


def test_out_of_memory_and_cancelled_jobs_are_reported_and_tried_again(
    cluster: Cluster, project: Path
) -> None:
    prepared = "results/tiny/preparation.json"
    process = submit(project, "--configfile", "mine.yaml", "--", prepared)
    try:
        _, messages = process.communicate(timeout=900)
    finally:
        kill(process)
    assert process.returncode == 0, messages[-4000:]

    jobs = cluster.jobs(run_id(messages))
    first, cancelled, last = (jobs[number] for number in sorted(jobs, key=int))
    asked = [job["MinMemoryNode"] for job in (first, cancelled, last)]
    assert asked == [f"{attempt * ASKED}M" for attempt in (1, 2, 3)]
    assert first["JobState"] in ("FAILED", "OUT_OF_MEMORY")
    assert (cancelled["JobState"], last["JobState"]) == ("CANCELLED", "COMPLETED")
    cluster.retried.extend([first["JobId"], cancelled["JobId"]])
    for job in (first, cancelled):
        assert f"/{job['JobId']}.log (check log file(s) for error details)" in messages
    # The job's own log is shown, and in it SLURM tells why.
    assert "exceeded memory limit" in messages
    assert f"JOB {cancelled['JobId']} ON cpu1 CANCELLED" in messages
    assert (project / prepared).is_file()
