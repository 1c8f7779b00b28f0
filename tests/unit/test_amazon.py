"""Amazon reviews and metadata of 2014."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from llmseqrec.config import Dataset, LeaveOneOut
from llmseqrec.data import amazon
from llmseqrec.data.core import p_core
from llmseqrec.data.raw import RawData
from llmseqrec.errors import InputError

REVIEWS = """\
{"reviewerID": "A1", "asin": "B2", "unixReviewTime": 86400, "overall": 5.0, "reviewText": "fine"}
{"reviewerID": "A0", "asin": "B1", "unixReviewTime": 0, "overall": 1.0, "reviewText": "bad"}
{"reviewerID": "A1", "asin": "B2", "unixReviewTime": 172800}
{"reviewerID": "A1", "asin": "B3", "unixReviewTime": 172800}
{"reviewerID": "A1", "asin": "B1"}

"""
METADATA = """\
{'asin': 'B1', 'title': "It's here", 'brand': 'X &amp; Y', 'categories': [['C', 'A'], ['C', 'B']]}
{'asin': 'B2', 'categories': ['Z'], 'title': 'Last & least'}
{'asin': 'B9', 'price': 1.5}
"""


def write(folder: Path, reviews: str = REVIEWS, metadata: str = METADATA) -> dict[str, Path]:
    files = {"reviews": folder / "reviews.json", "metadata": folder / "meta.json"}
    files["reviews"].write_bytes(gzip.compress(reviews.encode()))
    files["metadata"].write_text(metadata, encoding="utf-8")
    return files


def read(files: dict[str, Path], **settings: object) -> RawData:
    splits = {"last": LeaveOneOut()}
    dataset = Dataset(display="Amazon", format="amazon", splits=splits, **settings)  # type: ignore[arg-type]
    return amazon.read(dataset, files)


def test_reviews_stay_in_file_order_with_their_repeats(tmp_path: Path) -> None:
    rows = read(write(tmp_path)).interactions.astype({"session": str, "item": str})
    assert rows["session"].tolist() == ["A1", "A0", "A1", "A1"]
    assert rows["item"].tolist() == ["B2", "B1", "B2", "B3"]
    assert rows["timestamp"].tolist() == [86400, 0, 172800, 172800]
    assert rows["rating"].fillna(-1).tolist() == [5, 1, -1, -1]
    assert "text" not in rows


def test_texts_are_kept_when_asked_for(tmp_path: Path) -> None:
    texts = read(write(tmp_path), keep_text=True).interactions["text"]
    assert texts.tolist() == ["fine", "bad", "", ""]


def test_items_have_brand_categories_and_class(tmp_path: Path) -> None:
    raw = read(write(tmp_path))
    assert raw.items.fillna({"class": "none"}).to_dict("list") == {
        "item": ["B1", "B2", "B9", "B3"],
        "title": ["It's here", "Last & least", "", ""],
        "brand": ["X &amp; Y", "", "", ""],
        "categories": [["C", "A", "C", "B"], ["Z"], [], []],
        "class": ["A_B_C", "Z", "none", "none"],
    }
    assert raw.report.counts == {
        "reviews_without_unixReviewTime": 1,
        "items_without_metadata": 1,
        "items_without_title": 1,
    }


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("{'asin': 'B', 'title': 'Plain', 'price': 1}", "Plain"),
        ("{'asin': 'B', 'title': 'Last in the dict'}", "Last in the dict"),
        ("""{'asin': 'B', 'title': "Men's 'best'", 'price': 1}""", "Men's 'best'"),
        ("{'asin': 'B', 'title': 'cut here, ', 'price': 1}", "cut here"),
        (r"{'asin': 'B', 'title': 'a \'quote\', \'b\' c', 'price': 1}", r"a \'quote\', \'b\' c"),
        (
            r"{'asin': 'B', 'title': 'line\nfeed stays escaped', 'x': 1}",
            r"line\nfeed stays escaped",
        ),
        ("{'asin': 'B', 'title': '', 'price': 1}", ""),
        ("{'asin': 'B', 'price': 1}", ""),
        ("{'title': 'A &amp; B', 'x': 1}", "A  and  B"),
        ("{'title': '&lt;b&gt;&quot;&nbsp;x&trade;&eacute;', 'x': 1}", "b x&eacute;"),
        ("{'title': 'a&ndash;b&mdash;c', 'x': 1}", "a;bc"),
    ],
)
def test_titles_follow_the_reference(line: str, title: str) -> None:
    assert amazon.read_title(line) == title


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": "yesterday"}',
        '{"reviewerID": 1, "asin": "B", "unixReviewTime": 1}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": 18446744073709551615}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": 1, "overall": "good"}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": 1, "overall": true}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": 1, "overall": 1e300}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": 1, "overall": "nan"}',
        '{"reviewerID": "A", "asin": "B", "asin": "C", "unixReviewTime": 1}',
        '{"reviewerID": "A", "asin": "B", "unixReviewTime": NaN}',
    ],
)
def test_a_malformed_review_is_reported_with_its_line(tmp_path: Path, line: str) -> None:
    files = write(tmp_path, REVIEWS.replace("\n\n", f"\n{line}\n"))
    raw = read(files, malformed_share=0.5)
    assert len(raw.interactions) == 4
    assert raw.report.n_malformed == 1
    assert raw.report.malformed[0].startswith(f"{files['reviews']}:6: ")
    with pytest.raises(InputError, match=r"reviews.json:6: .*malformed_share"):
        read(files)


def test_a_rating_of_nothing_is_a_rating(tmp_path: Path) -> None:
    line = '{"reviewerID": "A", "asin": "B", "unixReviewTime": 1, "overall": 0, "x": "asin"}\n'
    assert read(write(tmp_path, line)).interactions["rating"].tolist() == [0.0]


def test_an_item_whose_id_is_no_text_is_malformed(tmp_path: Path) -> None:
    odd = METADATA + "{'asin': '\\ud800'}\n{'asin': 0, 'brand': 'a\\udfff'}\n"
    raw = read(write(tmp_path, metadata=odd), malformed_share=0.5)
    assert raw.report.n_malformed == 1
    assert raw.report.malformed[0].endswith(r"meta.json:4: the id '\ud800' is no text")
    assert raw.report.counts["items_with_replaced_characters"] == 1
    assert raw.items.set_index("item").loc["0", "brand"] == "a\ufffd"


def test_an_item_described_twice_differently_is_refused(tmp_path: Path) -> None:
    files = write(tmp_path, metadata=METADATA + "{'asin': 'B1', 'title': 'Other', 'x': 1}\n")
    with pytest.raises(InputError, match=r"meta.json:4: item 'B1' is described twice"):
        read(files)


def test_a_missing_role_is_named(tmp_path: Path) -> None:
    files = write(tmp_path)
    del files["metadata"]
    with pytest.raises(InputError, match=r"raw.metadata"):
        read(files)


def sha256(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_real_beauty_equals_the_reference(real_data: Path) -> None:
    golden = Path(__file__).parents[1] / "golden" / "data" / "beauty_real_data_checks.json"
    checks = json.loads(golden.read_text(encoding="utf-8"))
    folder = real_data / "amazon_beauty"
    raw = read(
        {
            "reviews": folder / "reviews_Beauty_5.json.gz",
            "metadata": folder / "meta_Beauty.json.gz",
        }
    )
    core, _ = p_core(raw.interactions, 5, "iterative")
    sessions, items = core["session"].cat.categories, core["item"].cat.categories
    assert (len(sessions), len(items), len(core)) == (22_363, 12_101, 198_502)
    expected = checks["after_5core"]
    assert sha256(items.tolist()) == expected["sha256_of_sorted_asins_joined_by_newline"]
    assert sha256(sessions.tolist()) == expected["sha256_of_sorted_reviewer_ids_joined_by_newline"]
    table = raw.items.sort_values("item")
    lines = [f"{row.item}\t{row.title}" for row in table.itertuples()]
    assert sha256(lines) == checks["names"]["sha256_of_asin_tab_name_lines_sorted_by_asin"]
    unnamed = table.loc[table["title"] == "", "item"].tolist()
    assert unnamed == checks["names"]["unnamed_asins"]
    assert table["class"].nunique() == 254
