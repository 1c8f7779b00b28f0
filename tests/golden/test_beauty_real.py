"""The real Amazon Beauty against the reference's artefacts; skipped where the data are absent."""

import hashlib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.config import Dataset
from llmseqrec.contracts import INTERACTIONS, ITEMS, SESSIONS, read_table
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.data.splits import load_part
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.evaluation.metrics import evaluate
from llmseqrec.evaluation.results import read_item_counts
from llmseqrec.models.base import Catalogue
from llmseqrec.models.parameters import MostPopularParameters
from llmseqrec.models.popularity import MostPopular
from tests.golden import golden

CHECKS = golden("beauty_real_data_checks.json")
REFERENCE_LIST = CHECKS["most_popular_top20_training_asins_in_order"]
ROOT = Path(__file__).resolve().parents[2]
UNNAMED = CHECKS["names"]["unnamed_asins"]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    files = {
        "reviews": {"name": "reviews_Beauty_5.json.gz"},
        "metadata": {"name": "meta_Beauty.json.gz"},
    }
    listed = ROOT / "config" / "published" / "beauty_test_reviewer_ids.txt"
    split = {"protocol": "temporal", "test_sessions": str(listed)}
    return Dataset.model_validate(
        {"display": "Beauty", "format": "amazon", "raw": files, "splits": {"published": split}}
    )


@pytest.fixture(scope="module")
def beauty(dataset: Dataset, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("beauty")
    raw = {role: real_data / "amazon_beauty" / file.name for role, file in dataset.raw.items()}
    prepare_sessions(dataset, raw, folder)
    return folder


def sha256_of_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def tied_groups(asins: Iterable[str], model: MostPopular, keys: pd.Series) -> list[set[str]]:
    """The items of a list, those with one training count as a set: their order is open."""
    counts = pd.Series(model.counts, index=keys)
    groups = groupby(asins, key=lambda asin: counts[asin])
    return [set(group) for _, group in groups]


def test_counts_and_id_hashes(beauty: Path) -> None:
    expected = CHECKS["after_5core"]
    items = read_table(beauty / "items.parquet", ITEMS)
    sessions = read_table(beauty / "sessions.parquet", SESSIONS)
    interactions = read_table(beauty / "interactions.parquet", INTERACTIONS)
    found = (len(sessions), len(items), len(interactions))
    assert found == (expected["sessions"], expected["items"], expected["interactions"])
    assert (
        sha256_of_lines(sorted(items["source_id"]))
        == expected["sha256_of_sorted_asins_joined_by_newline"]
    )
    assert (
        sha256_of_lines(sorted(sessions["source_id"]))
        == expected["sha256_of_sorted_reviewer_ids_joined_by_newline"]
    )


@pytest.mark.parametrize("template", ["title", "title_brand_categories"])
def test_the_unnamed_items_have_no_text(template: str, beauty: Path) -> None:
    """Brand and categories do not name them either; the reference gives them zero vectors."""
    items = read_table(beauty / "items.parquet", ITEMS)
    unnamed = [not text for text in item_texts(items, template)]
    assert sorted(items["source_id"][unnamed]) == sorted(UNNAMED)


def test_published_membership(beauty: Path, dataset: Dataset) -> None:
    expected = CHECKS["split"]
    part = load_part(beauty, dataset.splits["published"], "full")
    test = part.prompts["test"]
    assert len(part.train) == expected["train_sessions"]
    assert len(part.train.items) == expected["train_interactions"]
    assert len(np.unique(part.train.items)) == expected["train_items"]
    assert len(test.targets) == expected["test_sessions"]
    assert len(test.sessions.items) == expected["test_prompt_items"]
    assert part.rows["after"] == expected["test_interactions_after_filter"]
    lengths = pd.Series(test.sessions.lengths).value_counts()
    histogram = {str(length): int(count) for length, count in lengths.items()}
    assert histogram == expected["test_prompt_length_histogram"]


def test_most_popular_equals_the_reference(beauty: Path, dataset: Dataset) -> None:
    part = load_part(beauty, dataset.splits["published"], "full")
    counts = read_item_counts(beauty)
    model = MostPopular(MostPopularParameters(), Catalogue(len(counts.counts)))
    model.fit(part.train)
    prompts = part.prompts["test"]
    lists, _ = model.recommend(prompts.sessions, 20)
    keys = read_table(beauty / "items.parquet", ITEMS)["source_id"]
    assert tied_groups(keys[lists[0]], model, keys) == tied_groups(REFERENCE_LIST, model, keys)
    found = evaluate(lists, prompts.targets, counts, (10, 20), len(counts.counts)).aggregate
    published = CHECKS["metrics_recsys23_notebook"]
    expected = dict(zip(published["columns"], published["rows"]["Popularity"], strict=True))
    # The order inside a day is lost, so accuracy differs; what depends on the list does not.
    for metric in ("catcov@10", "novel@10", "catcov@20", "novel@20"):
        assert round(found[metric], 6) == expected[metric]
    assert found["hr@20"] == pytest.approx(expected["hr@20"], abs=0.004)
