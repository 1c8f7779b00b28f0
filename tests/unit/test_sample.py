"""The embedded sample: its formats, its honesty, and the signals that were put in."""

import ast
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llmseqrec.data.sample import write_sample

DAY = 86_400


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample")
    write_sample(path)
    return path


@pytest.fixture(scope="module")
def reviews(folder: Path) -> pd.DataFrame:
    with gzip.open(folder / "reviews_Sample.json.gz", "rt", encoding="utf-8") as lines:
        return pd.DataFrame([json.loads(line) for line in lines])


@pytest.fixture(scope="module")
def meta_lines(folder: Path) -> list[str]:
    with gzip.open(folder / "meta_Sample.json.gz", "rt", encoding="utf-8") as lines:
        return lines.read().splitlines()


@pytest.fixture(scope="module")
def items(meta_lines: list[str]) -> pd.DataFrame:
    return pd.DataFrame([ast.literal_eval(line) for line in meta_lines]).set_index("asin")


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_sample(tmp_path / name, users=20, items=60, seed=3)
    write_sample(tmp_path / "c", users=20, items=60, seed=4)
    files = ("reviews_Sample.json.gz", "meta_Sample.json.gz")
    for file in files:
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b
        assert a != c
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(files)


def test_reviews_have_the_fields_of_the_2014_files(reviews):
    assert list(reviews.columns) == [
        "reviewerID",
        "asin",
        "reviewerName",
        "helpful",
        "reviewText",
        "overall",
        "summary",
        "unixReviewTime",
        "reviewTime",
    ]
    assert (reviews.unixReviewTime % DAY == 0).all()
    written = pd.to_datetime(reviews.reviewTime, format="%m %d, %Y")
    assert (written == pd.to_datetime(reviews.unixReviewTime, unit="s")).all()
    assert set(reviews.overall) == {1.0, 2.0, 3.0, 4.0, 5.0}


def test_everything_says_that_it_is_synthetic(reviews, items):
    for column in ("reviewText", "summary", "reviewerName", "reviewerID"):
        assert reviews[column].str.lower().str.contains("synthetic").all()
    assert items.index.str.startswith("SYN").all()
    assert items.categories.map(lambda paths: paths[0][0] == "Synthetic Beauty").all()


def test_sessions_have_the_promised_shape(reviews):
    lengths = reviews.groupby("reviewerID").size()
    assert len(lengths) == 1500
    assert lengths.min() >= 5
    assert lengths.max() <= 30
    assert 7.5 < lengths.mean() < 8.5
    assert not reviews.duplicated(["reviewerID", "asin"]).any()
    ties = reviews.duplicated(["reviewerID", "unixReviewTime"]).mean()
    assert 0.05 < ties < 0.25


def test_most_but_not_all_of_it_survives_the_five_core(reviews):
    kept = reviews
    while True:
        rows = len(kept)
        for key in ("reviewerID", "asin"):
            kept = kept[kept.groupby(key).asin.transform("size") >= 5]
        if len(kept) == rows:
            break
    assert 0.95 < len(kept) / len(reviews) < 1.0


def test_titles_hold_the_quirks_of_the_raw_format(meta_lines, items):
    assert len(items) == 600
    assert items.title.isna().any()  # no title at all
    assert (items.title == "").any()
    assert items.brand.isna().any()
    assert items.title.str.contains("&amp;", na=False).any()
    assert items.title.str.contains(", '", na=False).any()
    assert items.title.str.contains('"', na=False).any()
    assert any("'title': \"" in line for line in meta_lines)  # literal in double quotes
    assert any("\\'" in line for line in meta_lines)  # escaped quote


def test_some_items_are_sold_in_the_test_period_only(reviews):
    ends = reviews.groupby("reviewerID").unixReviewTime.max()
    train = reviews[reviews.reviewerID.map(ends) <= ends.quantile(0.8)]
    assert 5 <= reviews.asin.nunique() - train.asin.nunique() <= 30


def test_popularity_has_a_long_tail(reviews):
    counts = reviews.asin.value_counts().to_numpy()
    assert counts[: len(counts) // 5].sum() > 0.3 * counts.sum()  # a fifth of the items


def test_people_stay_with_brands_and_drift_away_from_them(reviews, items):
    rows = reviews.sort_values(["reviewerID", "unixReviewTime"])
    brand = rows.asin.map(items.brand)

    def share_of_same_brand(distance: int) -> float:
        same_person = rows.reviewerID == rows.reviewerID.shift(distance)
        return float((brand == brand.shift(distance))[same_person].mean())

    by_chance = float((brand.value_counts(normalize=True) ** 2).sum())
    assert share_of_same_brand(1) > 8 * by_chance
    assert share_of_same_brand(1) > 1.5 * share_of_same_brand(4)


def test_follow_ups_are_bought_next_more_often_than_text_explains(reviews, items):
    rows = reviews.sort_values(["reviewerID", "unixReviewTime"])
    follow_up = items.related.dropna().map(lambda related: related["also_bought"][0])
    expected = rows.asin.map(follow_up)
    same_person = (rows.reviewerID == rows.reviewerID.shift(-1)) & expected.notna()
    share = float((rows.asin.shift(-1) == expected)[same_person].mean())
    assert share > 0.08  # by chance 1/600
    assert np.mean(items.brand.reindex(follow_up).to_numpy() == items.brand[follow_up.index]) < 0.1
