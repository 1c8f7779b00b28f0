"""Runs asked with another item of the prompt last: only the order changes."""

from pathlib import Path

import numpy as np
import pytest

from llmseqrec.positions import long_prompts, moved_last, position_hits
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.plots.rates import POSITION, position_rates, rates_figure
from llmseqrec.resolve import resolve_run
from llmseqrec.runs import Identity, RunFiles, train_run
from llmseqrec.sessions import Prompts, Sessions
from tests.conftest import ROOT, Tiny

LABEL = Label("Sample", "temporal", "temporal", 300, "abcdef", [1])


def sessions_of(*lists: list[int]) -> Sessions:
    offsets = np.cumsum([0, *map(len, lists)])
    ids = np.arange(len(lists), dtype=np.int32)
    items = np.concatenate(lists).astype(np.int32)
    return Sessions(offsets, items, ids, np.arange(len(items)))


def test_an_item_moves_to_the_end_and_the_others_keep_their_order() -> None:
    sessions = sessions_of([1, 2, 3, 4], [5, 6, 7])
    assert moved_last(sessions, 1).items.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert moved_last(sessions, 2).items.tolist() == [1, 2, 4, 3, 5, 7, 6]
    third = moved_last(sessions, 3)
    assert third.items.tolist() == [1, 3, 4, 2, 6, 7, 5]
    assert third.times is not None
    assert third.times.tolist() == list(range(7))  # time never runs backwards


def test_every_position_is_asked_of_the_same_prompts() -> None:
    prompts = Prompts(sessions_of([1, 2, 3], [4], [5, 6]), np.array([7, 8, 9], np.int32))
    kept = long_prompts(prompts, 2)
    assert kept.sessions.session_ids.tolist() == [0, 2]
    assert kept.targets.tolist() == [7, 9]


def fitted(tiny: Tiny, name: str, folder: Path) -> tuple:
    run = resolve_run(tiny.config, "tiny", name, ROOT / "config" / "published")
    files = {
        "catalogue": tiny.folder / "items.parquet",
        "train": tiny.folder / "temporal" / "full" / "train",
        "preparation": tiny.folder / "preparation.json",
    }
    train_run(run, RunFiles(**files), Identity(7), folder)
    return run, RunFiles(**files, model=folder / "model" / "model.safetensors"), Identity(7)


def test_a_model_that_knows_no_order_hits_alike_at_every_position(
    tiny: Tiny, tmp_path: Path
) -> None:
    prompts = tiny.folder / "temporal" / "full" / "test"
    run, files, identity = fitted(tiny, "most_popular", tmp_path / "popular")
    found = position_hits(run, files, identity, prompts, (3, 5))
    assert found["sessions"] == len(long_prompts(Prompts.load(prompts), 3).targets) > 0
    assert len(set(found["hits"])) == 1
    assert len(found["hits"]) == 3
    nobody = position_hits(run, files, identity, prompts, (50, 5))
    assert (nobody["sessions"], nobody["hits"]) == (0, [0] * 50)


def test_rates_by_position_are_hits_over_sessions_with_wilson_intervals() -> None:
    rates = position_rates({"A": {"sessions": 100, "hits": [10, 5]}})
    assert rates["range"].tolist() == ["1", "2"]
    assert rates["hit_rate"].tolist() == [0.1, 0.05]
    assert rates["ci_low"][0] == pytest.approx(0.0552, abs=5e-5)  # Wilson (1927)
    figure = rates_figure(rates, LABEL, 20, POSITION)
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["1\nn = 100", "2\nn = 100"]
