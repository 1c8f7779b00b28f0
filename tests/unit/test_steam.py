"""Steam reviews and games out of Python-literal lines."""

import gzip
import logging
from pathlib import Path

import pandas as pd
import pytest

from llmseqrec.config import Dataset, LeaveOneOut
from llmseqrec.data import steam
from llmseqrec.data.core import deduplicate_pairs, p_core
from llmseqrec.data.raw import RawData
from llmseqrec.errors import InputError

GAMES = r"""
{u'id': u'10', u'title': u'Zed &amp; Co', u'genres': [u'RPG', u'Action'], u'tags': [u'b', u'a']}
{u'id': u'20', u'title': u'No tags', u'genres': [u'Indie']}
{u'title': u'No id', u'genres': [u'Indie'], u'tags': [u'x']}
{'tags': ['c'], 'genres': ['Indie'], 'title': "It's", 'id': '30', 'price': 4.99}
{u'id': u'10', u'title': u'Zed &amp; Co', u'genres': [u'RPG', u'Action'], u'tags': [u'b', u'a']}
""".lstrip()
REVIEWS = r"""
{u'username': u'ann', u'product_id': u'10', u'date': u'2017-12-17', u'text': u'a \'date\': \'b\''}
{'username': 'bob', 'product_id': '30', 'date': '1970-01-02', 'text': "a"}
{'username': 'bob', 'product_id': '20', 'date': '1970-01-02'}
{'username': 'bob', 'product_id': '99', 'date': '1970-01-02'}
{'username': 'cy', 'product_id': '10'}
{'product_id': '10', 'date': '1970-01-02'}
{'username': '', 'product_id': '10', 'date': '1970-01-02'}
{'username': 'cy', 'date': '1970-01-02'}
{'username': '\ud83d\ude00', 'product_id': 10, 'date': '1970-01-03', 'text': '\xe9'}
""".lstrip()


def write(folder: Path, reviews: str = REVIEWS, games: str = GAMES) -> dict[str, Path]:
    files = {"reviews": folder / "reviews.json", "games": folder / "games.json"}
    files["reviews"].write_text(reviews, encoding="utf-8")
    files["games"].write_bytes(gzip.compress(games.encode()))
    return files


def read(files: dict[str, Path], **settings: object) -> RawData:
    splits = {"last": LeaveOneOut()}
    dataset = Dataset(display="Steam", format="steam", splits=splits, **settings)  # type: ignore[arg-type]
    return steam.read(dataset, files)


def test_games_without_metadata_and_their_reviews_are_left_out(tmp_path: Path) -> None:
    raw = read(write(tmp_path))
    assert raw.items.to_dict("list") == {
        "item": ["10", "30"],
        "title": ["Zed &amp; Co", "It's"],
        "genres": [["Action", "RPG"], ["Indie"]],
        "tags": [["a", "b"], ["c"]],
        "class": ["Action_RPG", "Indie"],
    }
    assert raw.interactions.astype({"session": str, "item": str}).to_dict("list") == {
        "session": ["ann", "bob", "😀"],
        "item": ["10", "30", "10"],
        "timestamp": [1513468800, 86400, 172800],
    }


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    report = read(write(tmp_path)).report
    assert report.lines == {"games": 5, "reviews": 9}
    assert report.n_malformed == 0
    assert report.counts == {
        "games_without_metadata": 2,
        "games_repeated": 1,
        "reviews_without_username": 2,
        "reviews_without_product_id": 1,
        "reviews_without_date": 1,
        "reviews_without_game": 2,
    }


def test_texts_are_kept_when_asked_for(tmp_path: Path) -> None:
    assert "text" not in read(write(tmp_path)).interactions
    texts = read(write(tmp_path), keep_text=True).interactions["text"]
    assert texts.tolist() == ["a 'date': 'b'", "a", "é"]


def test_malformed_lines_below_the_limit_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reviews = REVIEWS + "{'username': 'x'\n{'username': 'x', 'product_id': '10', 'date': 'May'}\n"
    files = write(tmp_path, reviews)
    with caplog.at_level(logging.WARNING):
        report = read(files, malformed_share=0.2).report
    assert report.n_malformed == 2
    assert report.malformed[0].startswith(f"{files['reviews']}:10: not a Python dict")
    assert report.malformed[1] == f"{files['reviews']}:11: date 'May' is not YYYY-MM-DD"
    assert f"{files['reviews']}:10" in caplog.text


def test_too_many_malformed_lines_stop_the_reading(tmp_path: Path) -> None:
    files = write(tmp_path, REVIEWS + "nonsense\n")
    with pytest.raises(InputError, match=r"reviews.json:10: .* 1 of 10 .* malformed_share"):
        read(files)


def test_only_malformed_lines_are_an_error_at_any_limit(tmp_path: Path) -> None:
    raw = read(write(tmp_path, "nonsense\n"), malformed_share=1.0)
    assert raw.interactions.empty


def test_a_game_described_twice_differently_is_refused(tmp_path: Path) -> None:
    games = GAMES + "{'id': '30', 'title': 'Other', 'genres': ['Indie'], 'tags': ['c']}\n"
    with pytest.raises(InputError, match=r"games.json:6: item '30' is described twice"):
        read(write(tmp_path, games=games))


@pytest.fixture(scope="module")
def real(real_data: Path) -> RawData:
    folder = real_data / "steam"
    reviews = folder / "steam_reviews_v1_dated.json.gz"
    return read({"games": folder / "steam_games.json.gz", "reviews": reviews})


def test_real_counts(real: RawData) -> None:
    assert real.report.counts["games_without_metadata"] == 3_309
    assert real.report.counts["games_repeated"] == 1
    assert len(real.items) == 28_825
    assert real.items["class"].nunique() == 841
    assert real.items["tags"].map("_".join).nunique() == 11_773
    unique = deduplicate_pairs(real.interactions)
    assert len(unique) == 40_956
    core, _ = p_core(unique, 5, "iterative")
    counts = (len(core), core["session"].nunique(), core["item"].nunique())
    assert counts == (5_588, 973, 272)


def test_undated_real_reviews_are_left_out_not_malformed(real_data: Path, tmp_path: Path) -> None:
    files = write(tmp_path)
    report = read(
        files | {"reviews": real_data / "steam" / "steam_reviews_v1_undated.json.gz"}
    ).report
    assert report.counts["reviews_without_date"] == report.lines["reviews"] == 10_091
    assert report.n_malformed == 0


def test_real_titles_classes_and_tags_equal_the_reference(real: RawData, real_data: Path) -> None:
    items = real.items
    ours = set(zip(items["title"], items["class"], items["tags"].map("_".join), strict=True))
    path = real_data / "steam" / "dhr_item_metadata.csv.gz"
    theirs = pd.read_csv(path, keep_default_na=False)
    rows = list(zip(theirs["Name"], theirs["Category"], theirs["Tag"], strict=True))
    assert len(rows) == 11_784
    assert set(rows) <= ours
