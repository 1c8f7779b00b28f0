"""The quickstart through SLURM: killed and taken up, it gives what it gives on one machine."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.slurm.cluster import HERE, Cluster, Job, kill, read_until, run_id, submit
from tests.workflow.copies import command, contents, copy_project, environment

# The whole takes twice as long: make test-slurm WHOLE=1.
FEWER = () if os.environ.get("WHOLE") else (str(HERE / "fewer.yaml"),)
QUICKSTART = ("--configfile", "config/quickstart.yaml", *FEWER)
# Folds of a run in one job of the cluster: on two cores fewer starts are quicker.
JOINED = ("--group-components", "{dataset}.{split}.{run}=5", "{dataset}.{split}.tables=20")
PLACE = re.compile(r"SLURM job (\d+) on (\w+), CUDA_VISIBLE_DEVICES: (\S+)")


@dataclass(frozen=True)
class OnCluster:
    """The quickstart that went through the cluster, killed once.

    Attributes:
        folder: the project.
        finished_before: time stamps (ns) of the logs of jobs that had finished before the kill.
        jobs: of both calls, by number.
    """

    folder: Path
    finished_before: dict[str, int]
    jobs: dict[str, Job]

    def places(self) -> dict[Path, tuple[str, str, str]]:
        """SLURM job, node and GPUs of every job of the workflow, by its log."""
        logs = list((self.folder / "logs").rglob("*.log"))
        found = {path: PLACE.search(path.read_text(encoding="utf-8")) for path in logs}
        assert [path for path, place in found.items() if place is None] == []
        return {path: place.group(1, 2, 3) for path, place in found.items() if place}


@pytest.fixture(scope="module")
def on_this_machine(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """The quickstart without SLURM, started beside the other, which waits much."""
    folder = copy_project(tmp_path_factory.mktemp("local") / "project")
    with (folder / "messages.txt").open("wb") as messages:
        process = subprocess.Popen(
            command(*QUICKSTART),
            cwd=folder,
            env=environment(),
            stdout=messages,
            stderr=messages,
            start_new_session=True,
        )
    yield folder, process
    kill(process)


@pytest.fixture(scope="module")
def on_cluster(
    cluster: Cluster,
    on_this_machine: tuple[Path, subprocess.Popen[bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> OnCluster:
    """The quickstart through SLURM: killed after the first metrics, and begun again."""
    folder = copy_project(tmp_path_factory.mktemp("cluster") / "project")
    killed = submit(folder, *QUICKSTART, *JOINED)
    assert killed.stderr is not None
    try:
        messages = read_until(killed.stderr, r"Finished jobid: \d+ \(Rule: evaluate\)")
    finally:
        kill(killed)
        killed.stderr.close()
    first = run_id(messages)
    cluster.cancel(first)
    stamps = {path: (folder / path).stat().st_mtime_ns for path in finished_logs(messages)}
    resumed = submit(folder, *QUICKSTART, *JOINED)
    _, messages = resumed.communicate(timeout=3000)
    assert resumed.returncode == 0, messages[-4000:]
    # Asked for now, since a job that was just cancelled may still be completing.
    return OnCluster(folder, stamps, cluster.jobs(first) | cluster.jobs(run_id(messages)))


def finished_logs(messages: str) -> list[str]:
    """Logs of the jobs of which snakemake told that they had finished."""
    told = re.findall(r"log: (\S+)\n +jobid: (\d+)", messages)
    logs = {number: log for log, number in told}
    return [logs[number] for number in re.findall(r"Finished jobid: (\d+)", messages)]


def test_every_job_ran_on_the_cluster_with_what_it_asked_for(on_cluster: OnCluster) -> None:
    for path, (number, node, _) in on_cluster.places().items():
        job = on_cluster.jobs[number]
        # Of a group that was cancelled, what had ended counts.
        assert job["JobState"] in ("COMPLETED", "CANCELLED"), path
        assert job["NodeList"] == node
    by_group = {job.get("Comment", ""): job for job in on_cluster.jobs.values()}
    neural = next(job for name, job in by_group.items() if "sasrec" in name)
    # What the largest of its jobs needs, though some of them could run side by side.
    assert (neural["Partition"], neural["TresPerJob"]) == ("gpu", "gres:gpu:1")
    assert (neural["NumCPUs"], neural["MinMemoryNode"]) == ("1", "4000M")
    report = next(job for name, job in by_group.items() if name.startswith("rule_report"))
    assert (report["Partition"], report["NumCPUs"]) == ("cpu", "1")
    assert "TresPerJob" not in report


def test_neural_jobs_were_given_a_gpu_and_no_others(on_cluster: OnCluster) -> None:
    given = {str(path): gpus for path, (_, _, gpus) in on_cluster.places().items()}
    # What was left of a group after the kill may be steps that need none, such as its metrics.
    computed = ("/embed_items/", "/train_model/sample.temporal.full.", "/recommend/")
    for neural in ("/embed_items/", ".full.sasrec.", ".full.llm2sasrec."):
        paths = [path for path in given if neural in path and any(c in path for c in computed)]
        found = {given[path] for path in paths}
        assert found
        assert found <= {"0", "1"}
    assert {gpus for path, gpus in given.items() if ".full.most_popular." in path} == {"none"}


def test_what_had_finished_before_the_kill_was_not_repeated(on_cluster: OnCluster) -> None:
    stamps = on_cluster.finished_before
    assert any(path.startswith("logs/evaluate/") for path in stamps)
    now = {path: (on_cluster.folder / path).stat().st_mtime_ns for path in stamps}
    assert now == stamps


def test_results_are_those_of_this_machine_to_the_byte(
    on_cluster: OnCluster, on_this_machine: tuple[Path, subprocess.Popen[bytes]]
) -> None:
    folder, process = on_this_machine
    assert process.wait(timeout=3000) == 0, (folder / "messages.txt").read_text()[-4000:]
    expected, found = contents(folder), contents(on_cluster.folder)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
