"""Texts of items, by named templates and own format strings."""

import pandas as pd
import pytest

from llmseqrec.embeddings.item_text import item_texts, template_columns
from llmseqrec.errors import InputError

ITEMS = pd.DataFrame(
    {
        "item_id": [0, 1, 2, 3],
        "source_id": ["a", "b", "c", "d"],
        "title": ["Soap  and Water", "Comb", "", None],
        "brand": ["Acme", None, "Acme", float("nan")],
        "categories": [["Bath", "Soap"], [], ["Bath"], None],
    }
)


def test_titles_are_passed_on_untouched() -> None:
    assert item_texts(ITEMS, "title") == ["Soap  and Water", "Comb", "", ""]


def test_named_templates_join_what_is_there() -> None:
    texts = item_texts(ITEMS, "title_brand_categories")
    assert texts == ["Soap and Water, Acme, Bath, Soap", "Comb", "", ""]


def test_own_format_string() -> None:
    texts = item_texts(ITEMS, "{title}  by {brand} ({categories})")
    assert texts == ["Soap and Water by Acme (Bath, Soap)", "Comb by ()", "", ""]


def test_titles_matter_only_where_they_are_used() -> None:
    assert item_texts(ITEMS, "from {brand}") == ["from Acme", "", "from Acme", ""]


def test_braces_in_titles_are_text() -> None:
    items = ITEMS.assign(title="{brand} {0}")
    assert item_texts(items, "{title}!")[0] == "{brand} {0}!"


def test_lists_read_from_parquet(tmp_path) -> None:
    ITEMS.to_parquet(tmp_path / "items.parquet")
    texts = item_texts(pd.read_parquet(tmp_path / "items.parquet"), "title_brand_categories")
    assert texts == item_texts(ITEMS, "title_brand_categories")


BAD_TEMPLATES = [
    "{titel}",
    "{item_id}",
    "{source_id}",
    "{title.__class__}",
    "{title[0]}",
    "{}",
    "{title:>9}",
    "{title!r}",
    "{title",
    "plain",
    "",
    "{{title}}",
]


@pytest.mark.parametrize("template", BAD_TEMPLATES)
def test_bad_templates_are_refused_by_name(template: str) -> None:
    with pytest.raises(InputError, match="template") as refused:
        item_texts(ITEMS, template)
    assert "\n" not in str(refused.value)


def test_a_column_the_items_lack_is_named() -> None:
    with pytest.raises(InputError, match="'tags'"):
        item_texts(ITEMS, "title_tags")


def test_template_columns() -> None:
    assert template_columns("{title} by {brand}, {title}") == ("title", "brand")


@pytest.mark.parametrize(
    ("template", "column", "values"),
    [
        ("title_genres", "genres", ["Animation", "Children's", "Comedy"]),
        ("title_tags", "tags", ["Indie", "Puzzle"]),
    ],
)
def test_title_and_what_kind_of_thing_it_is(template: str, column: str, values: list[str]) -> None:
    items = pd.DataFrame({"title": ["Toy Story (1995)", "Comb", ""], column: [values, [], values]})
    joined = ", ".join(["Toy Story (1995)", *values])
    assert item_texts(items, template) == [joined, "Comb", ""]
