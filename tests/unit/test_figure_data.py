"""What figures draw, gathered from files of finished runs and of the experiment."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.contracts import HISTORY, write_table
from llmseqrec.evaluation.affinity import permuted, session_affinity
from llmseqrec.figure_data import (
    all_affinities,
    histories,
    last_item_counts,
    length_rates,
    part_distributions,
    popularity_rates,
    session_hits,
)
from llmseqrec.sessions import Prompts, Sessions

N = 60


def sessions_of(*lists: list[int]) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists)])
    ids = np.arange(len(lists), dtype=np.int32)
    return Sessions(offsets, np.concatenate(lists).astype(np.int32), ids)


def write_seed(folder: Path, hits: np.ndarray) -> str:
    folder.mkdir(parents=True)
    table = pd.DataFrame({"session_id": np.arange(len(hits)), "hr@20": hits})
    table.to_parquet(folder / "per_session.test.parquet")
    return str(folder)


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    """Prompts of one item (0, popular in training) and of two (1, rare), thirty of each."""
    prompts = sessions_of(*[[0]] * 30, *[[0, 1]] * 30)
    Prompts(prompts, np.zeros(N, np.int32)).save(tmp_path / "test")
    sessions_of([0] * 8, [1]).save(tmp_path / "train")
    return tmp_path


def test_popularity_is_that_of_the_last_prompt_item_in_training() -> None:
    counts = last_item_counts(sessions_of([0, 1], [5]), sessions_of([0, 1, 1, 2]))
    assert counts.to_dict() == {0: 2, 1: 0}


def test_rates_pair_hits_with_sessions(experiment: Path) -> None:
    popular = np.repeat([1.0, 0.0], 30)
    seeds = [write_seed(experiment / f"seed{n}", popular * n) for n in (0, 1)]
    hits = session_hits({"A": seeds}, 20)
    rates = popularity_rates(hits, experiment / "test", experiment / "train")
    assert rates[["range", "hit_rate"]].to_numpy().tolist() == [["1", 0.0], ["8", 0.5]]
    rates = length_rates(hits, experiment / "test")
    assert rates[["range", "hit_rate"]].to_numpy().tolist() == [["1", 0.5], ["2", 0.0]]


def test_distributions_are_of_complete_sessions(experiment: Path) -> None:
    data = part_distributions(experiment / "test", experiment / "train")
    found = data.groupby(["panel", "sessions"])["y"].agg(list)
    assert found["rank-popularity", "training"] == [8, 1]
    assert found["rank-popularity", "test, with targets"] == [120, 30]
    # No session of one item remains, since the targets count.
    assert found["session length", "test, with targets"] == [1.0, 1.0, 0.5]


def test_affinity_is_the_mean_cosine_over_pairs() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6, 4)).astype(np.float32)
    vectors[5] = 0  # an empty text
    unit = vectors[:5] / np.linalg.norm(vectors[:5], axis=1, keepdims=True)
    cosines = unit @ unit.T
    found = session_affinity(vectors, sessions_of([0, 1, 2], [3, 5, 4], [2], [5, 1], [3, 3]))
    expected = [(cosines[0, 1] + cosines[0, 2] + cosines[1, 2]) / 3, cosines[3, 4], np.nan, np.nan]
    np.testing.assert_allclose(found, [*expected, 1.0], atol=1e-6)
    assert len(session_affinity(vectors, sessions_of([]))) == 1


def test_chance_keeps_lengths_and_popularity() -> None:
    sessions = sessions_of([0, 0, 1], [2, 3], [4, 0, 1, 1])
    mixed = permuted(sessions, np.random.default_rng(1))
    assert mixed.lengths.tolist() == sessions.lengths.tolist()
    assert sorted(mixed.items) == sorted(sessions.items)
    assert mixed.items.tolist() != sessions.items.tolist()


def test_sessions_of_like_items_lie_above_chance(tmp_path: Path) -> None:
    # Two groups of items; sessions stay in their group.
    vectors = np.repeat(np.eye(2, dtype=np.float32), 5, axis=0)
    np.save(tmp_path / "vectors.npy", vectors)
    groups = [[0, 1, 2], [5, 6, 7]] * 20
    sessions_of(*groups).save(tmp_path / "train")
    Prompts(sessions_of([3]), np.array([4], np.int32)).save(tmp_path / "test")
    paths = {"two": str(tmp_path / "vectors.npy")}
    data = all_affinities(paths, tmp_path / "test", tmp_path / "train")
    means = data.drop_duplicates("of").set_index("of")["mean"]
    assert means["sessions"] == 1.0
    assert 0.3 < means["items permuted"] < 0.7


def test_histories_tell_model_seed_and_epoch(tmp_path: Path) -> None:
    for seed in (1, 2):
        rows = {"epoch": [1, 2], "loss": [2.0, 1.0], "validation": [0.1, 0.1 * seed]}
        rows |= {"hr@10": [0.2, 0.3], "ndcg@10": [0.1, 0.2]}
        write_table(pd.DataFrame(rows), tmp_path / f"seed{seed}" / "history.parquet", HISTORY)
    data = histories({"SASRec": [str(tmp_path / "seed1"), str(tmp_path / "seed2")]})
    metrics = ["validation", "hr@10", "ndcg@10"]
    assert data.columns.tolist() == ["model", "seed", "epoch", "loss", *metrics]
    assert data["seed"].tolist() == [1, 1, 2, 2]
    assert data["validation"].tolist() == [0.1, 0.1, 0.1, 0.2]
