"""What figures draw, gathered from finished runs and the data of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from llmseqrec.arrays import read_array
from llmseqrec.contracts import HISTORY, read_table
from llmseqrec.evaluation.affinity import permuted, session_affinity
from llmseqrec.reporting.plots.affinity import CHANCE, SESSIONS, affinity_shares
from llmseqrec.reporting.plots.distributions import distributions
from llmseqrec.reporting.plots.rates import hit_rates
from llmseqrec.sessions import Prompts, Sessions, with_targets
from llmseqrec.summary import BOOTSTRAP_SEED, session_means


def session_hits(folders: Mapping[str, Sequence[str]], cutoff: int) -> dict[str, pd.Series]:
    """Hits of every run in each session, means over seeds, indexed by session id.

    Args:
        folders: seed folders of each run, by the name that readers see.
        cutoff: k of the hit rate.
    """
    return {name: session_means(seeds)[f"hr@{cutoff}"] for name, seeds in folders.items()}


def popularity_rates(hits: Mapping[str, pd.Series], prompts: Path, train: Path) -> pd.DataFrame:
    """Hit rate by training count of the prompt's last item (study, Figure 9).

    Args:
        hits: as `session_hits` gives them.
        prompts: folder of the test prompts.
        train: folder of the training sessions.
    """
    counts = last_item_counts(Prompts.load(prompts).sessions, Sessions.load(train))
    return _rates(hits, counts)


def length_rates(hits: Mapping[str, pd.Series], prompts: Path) -> pd.DataFrame:
    """Hit rate by the number of items in the prompt."""
    asked = Prompts.load(prompts).sessions
    return _rates(hits, pd.Series(asked.lengths, index=asked.session_ids))


def last_item_counts(prompts: Sessions, train: Sessions) -> pd.Series[int]:
    """How often the last item of each prompt occurs in training, by session id."""
    last = prompts.last_items
    counts = np.bincount(train.items, minlength=int(last.max()) + 1)
    return pd.Series(counts[last], index=prompts.session_ids)


def part_distributions(prompts: Path, train: Path) -> pd.DataFrame:
    """Popularity and length (study, Figure 11) in the training and in the complete test sessions.

    Where a session's start is trained on and its end is tested, it counts in both.
    """
    return distributions(
        {"training": Sessions.load(train), "test, with targets": Prompts.load(prompts).completed()}
    )


def all_affinities(vectors: Mapping[str, str], prompts: Path, train: Path) -> pd.DataFrame:
    """Affinity of all sessions, and of the same with their items permuted (study, Figure 12).

    Args:
        vectors: file of the unreduced item vectors of each embedding.
        prompts: folder of the test prompts.
        train: folder of the training sessions.
    """
    sessions = with_targets(Sessions.load(train), Prompts.load(prompts))
    chance = permuted(sessions, np.random.default_rng(BOOTSTRAP_SEED))
    found = {}
    for name, path in vectors.items():
        items = read_array(path)
        kinds = {SESSIONS: sessions, CHANCE: chance}
        found[name] = {kind: session_affinity(items, each) for kind, each in kinds.items()}
    return affinity_shares(found)


def histories(folders: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Training histories: model, seed and the columns of contract HISTORY.

    Args:
        folders: seed folders of each run that is trained in epochs, by the name readers see.
    """
    tables = [
        read_table(Path(folder) / "history.parquet", HISTORY).assign(
            model=name, seed=int(Path(folder).name.removeprefix("seed"))
        )
        for name, seeds in folders.items()
        for folder in seeds
    ]
    frame = pd.concat(tables, ignore_index=True)
    first = ["model", "seed", "epoch"]
    return frame[[*first, *frame.columns.difference(first, sort=False)]]


def _rates(hits: Mapping[str, pd.Series], counts: pd.Series) -> pd.DataFrame:
    return hit_rates({name: each.reindex(counts.index) for name, each in hits.items()}, counts)
