"""The text of an item: what an embedding model reads (study, §5.2).

A template is one of the names below or a format string over the text columns of `items.parquet`,
such as "{title} by {brand}". Item ids are never part of a text.
"""

from collections.abc import Iterable
from string import Formatter
from typing import Any

import pandas as pd

from llmseqrec.contracts import ITEMS
from llmseqrec.errors import InputError

NAMED_TEMPLATES: dict[str, tuple[str, ...]] = {
    "title": ("title",),
    "title_brand_categories": ("title", "brand", "categories"),
    "title_tags": ("title", "tags"),
    "title_genres": ("title", "genres"),
}
_IDS = {"item_id", "source_id"}
TEXT_COLUMNS = tuple(name.rstrip("?") for name in ITEMS.columns if name not in _IDS)


def item_texts(items: pd.DataFrame, template: str) -> list[str]:
    """The text of every item, in row order.

    A named template joins its non-empty fields with ", "; `title` alone is passed on untouched
    (cleaned Amazon titles hold double blanks, and the study embedded them so). Elsewhere runs of
    white space become one blank. A missing field is the empty string, a list is joined with ", ".
    An item without a title has an empty text, which stands for a zero vector (study code), unless
    the template does not use titles.

    Args:
        items: a table of the contract `contracts.ITEMS`.
        template: a name or a format string.

    Raises:
        InputError: the template is malformed or names a column that the items do not have.
    """
    names = template_columns(template)
    missing = [name for name in names if name not in items.columns]
    if missing:
        have = [name for name in TEXT_COLUMNS if name in items.columns]
        raise InputError(f"template {template!r}: the items have no {missing[0]!r}, only {have}")
    rows = list(zip(*(map(_field_text, items[name]) for name in names), strict=True))
    if "title" in names:
        title = names.index("title")
        rows = [row if row[title].strip() else ("",) * len(names) for row in rows]
    return [_fill(template, names, row) for row in rows]


def template_columns(template: str) -> tuple[str, ...]:
    """The item columns that a template uses, without repetition.

    Raises:
        InputError: the template is neither a known name nor a valid format string.
    """
    if template in NAMED_TEMPLATES:
        return NAMED_TEMPLATES[template]
    try:
        parts = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise InputError(f"template {template!r}: {error}") from None
    for name, specification, conversion in parts:
        if name not in TEXT_COLUMNS or specification or conversion:
            raise InputError(
                f"template {template!r}: {{{name}}} is no item column; use {list(TEXT_COLUMNS)}"
            )
    if not parts:
        known = ", ".join(NAMED_TEMPLATES)
        raise InputError(
            f"template {template!r}: neither one of {known} nor a text with columns in braces"
        )
    return tuple(dict.fromkeys(str(name) for name, _, _ in parts))


def _fill(template: str, names: tuple[str, ...], row: tuple[str, ...]) -> str:
    """One text; empty where every field is."""
    if template == "title":
        return row[0] if row[0].strip() else ""
    if not any(field.strip() for field in row):
        return ""
    if template in NAMED_TEMPLATES:
        text = ", ".join(field for field in row if field.strip())
    else:
        text = template.format(**dict(zip(names, row, strict=True)))
    return " ".join(text.split())


def _field_text(value: Any) -> str:
    """A cell as text: a string, a list of strings, or nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return ", ".join(str(part) for part in value)
    return ""  # None or NaN: the columns hold nothing but strings and lists
