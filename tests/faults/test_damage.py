"""Files that were cut off or spoiled: the job that reads them says which, or is right all the same.

A changed byte of a text (csv, yaml) may be another text, which nobody can tell; so these are cut
and spoiled only. Tables, arrays, models, item vectors, json and prompts carry checksums.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doubles.openai_models import OpenAIModelsDouble
from tests.faults.amount import some
from tests.faults.conftest import note
from tests.faults.told import line_of, names
from tests.faults.world import Job, World, remove, visible

FULL = "tiny.temporal.full"
DATASET = "results/tiny"
PART = f"{DATASET}/temporal/full"
# Files of every kind, and a job that reads each.
READ_BY = {
    f"{DATASET}/items.parquet": f"recommend {FULL}.sim",
    f"{DATASET}/interactions.parquet": f"split_sessions {FULL}.test",
    f"{DATASET}/preparation.json": "describe_split",
    f"{DATASET}/embeddings/small.npy": "reduce_embeddings",
    f"{DATASET}/embeddings/small.json": "reduce_embeddings",
    f"{DATASET}/embeddings/small.pca.npy": f"recommend {FULL}.sim",
    f"{DATASET}/embeddings/small.pca.json": f"recommend {FULL}.sim",
    f"{PART}/train/items.npy": f"train_model {FULL}.net",
    f"{PART}/train/offsets.npy": f"train_model {FULL}.net",
    f"{PART}/test/targets.npy": f"evaluate {FULL}.sim",
    f"{PART}/sim/seed1/model/model.safetensors": f"recommend {FULL}.sim",
    f"{PART}/net/seed1/model/model.safetensors": f"recommend {FULL}.net",
    f"{PART}/net/seed1/history.parquet": "plot_training",
    f"{PART}/sim/seed1/recommendations.test.parquet": f"evaluate {FULL}.sim",
    f"{PART}/sim/seed1/run.json": f"evaluate {FULL}.sim",
    f"{PART}/sim/seed1/metrics.test.json": "build_leaderboard",
    f"{PART}/sim/seed1/per_session.test.parquet": "compare_models",
    f"{PART}/held/seed1/prompts/training.jsonl": f"finetune_llm {FULL}.held",
    f"{PART}/held/seed1/prompts/test.jsonl": f"generate {FULL}.held",
    f"{PART}/held/seed1/language_model/weights/model.safetensors": f"generate {FULL}.held",
    f"{PART}/held/seed1/language_model/weights/config.json": f"generate {FULL}.held",
    f"{PART}/held/seed1/language_model/weights/tokenizer.json": f"generate {FULL}.held",
    f"{PART}/bought/seed1/language_model/model.json": f"generate {FULL}.bought",
    f"{PART}/held/seed1/answers.test.parquet": f"resolve_generations {FULL}.held",
    f"{DATASET}/temporal/comparison.parquet": "build_comparison",
    f"{DATASET}/temporal/search/near/best.yaml": f"train_model {FULL}.best",
    f"{DATASET}/temporal/search/near/trials.parquet": "plot_search",
    "results/tables/leaderboard.tiny.temporal.csv": "plot_experiment",
}
TEXTS = (".csv", ".yaml")


def cut(path: Path) -> None:
    """Keep the first half."""
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


def empty(path: Path) -> None:
    """Keep nothing."""
    path.write_bytes(b"")


def spoil(path: Path) -> None:
    """Other bytes at the beginning, as a bad block has them."""
    content = path.read_bytes()
    path.write_bytes(bytes([0xFF] * 64) + content[64:])


def flip(path: Path) -> None:
    """One bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: tuple[Callable[[Path], None], ...] = (cut, empty, spoil, flip)
CASES = [
    (name, damage)
    for name in READ_BY
    for damage in DAMAGES
    if damage is not flip or not name.endswith(TEXTS)
]


def shown(value: object) -> str:
    """Of a parameter in the name of a test."""
    return getattr(value, "__name__", None) or str(value)


@pytest.mark.parametrize(("name", "damage"), some(CASES, 8), ids=shown)
def test_damage_is_told_or_does_no_harm(
    world: World,
    services: OpenAIModelsDouble,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
) -> None:
    job = world.job(READ_BY[name])
    folder = world.copy(tmp_path / "project", job)
    damage(folder / name)
    told_or_right(world, job, folder, name)
    assert not services.received  # nothing is bought on damaged files


def told_or_right(world: World, job: Job, folder: Path, name: str) -> None:
    """The job fails with a line that names the file and what to do, or its outputs are right."""
    done = world.run(job, folder)
    if done.returncode:
        line = line_of(done)
        assert names(line, name), line
        assert not [output for output in job.outputs if (folder / output).is_file()]
    else:
        found, expected = visible(folder), visible(world.folder)
        for output in job.outputs:
            assert found.get(output) == expected.get(output)
    note("damage", Path(name).suffix, "told" if done.returncode else "did no harm")


# What keeps more than results: a job, the file it has written when it ended or was killed at a
# step, and what the services may be asked at most.
STATES = {
    "state/cache/embeddings.sqlite": "embed_items tiny.small",
    "state/ledger.sqlite": "embed_items tiny.small",
    "state/cache/completions.sqlite": f"generate {FULL}.bought",
    "state/jobs/*.json": f"finetune_llm {FULL}.bought",
    "state/*/checkpoint.pt": f"train_model {FULL}.net",
    "state/*/journal.log": "tune_model tiny.temporal.near",
}
DAMAGED_STATES = [(name, damage) for name in STATES for damage in (cut, empty, spoil)]
DAMAGED_STATES += [("state/*/checkpoint.pt", flip), ("state/jobs/*.json", flip)]


def kill_late(job: Job) -> dict[str, str]:
    """Settings of the hook: die at the last but one renaming of the file, or writing to it."""
    late = [n for n, step in enumerate(job.steps, start=1) if "checkpoint" in step.path]
    late = late or [n for n, step in enumerate(job.steps, start=1) if "journal.log" in step.path]
    return {"FAULTS_SCRIPT": ".snakemake", "FAULTS_KILL_AT": str(late[len(late) * 3 // 4])}


@pytest.mark.parametrize(("pattern", "damage"), some(DAMAGED_STATES, 4), ids=shown)
def test_damaged_state_is_told_and_nothing_is_bought_again(
    world: World,
    services: OpenAIModelsDouble,
    tmp_path: Path,
    pattern: str,
    damage: Callable[[Path], None],
) -> None:
    job = world.job(STATES[pattern])
    folder = world.copy(tmp_path / "project", job)
    paid = "*" not in pattern or "jobs" in pattern
    world.run(job, folder, **({} if paid else kill_late(job)))
    path = next(iter(sorted(folder.glob(pattern))))
    before = dict(services.received), dict(services.asked), list(services.steps)
    for output in job.outputs:
        remove(folder / output)
    damage(path)
    done = world.run(job, folder)
    after = dict(services.received), dict(services.asked), list(services.steps)
    if done.returncode:
        assert names(line_of(done), path.relative_to(folder))
        assert after == before
    else:
        found = visible(folder)
        assert found == visible(world.folder)
        assert after == before or damage is empty  # an empty database is a new one
    note("damage", path.name, "told" if done.returncode else "did no harm")
