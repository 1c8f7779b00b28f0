"""What tables and reports show of paths of this machine."""

import pytest

from llmseqrec.shown_paths import without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file /home/me/lists/a.csv", "no file a.csv"),
        ("/data/my lists/{dataset}.csv", "{dataset}.csv"),
        ("component x: no file '/data/a.csv'; no key", "component x: no file 'a.csv'; no key"),
        ("no file /a.csv", "no file a.csv"),
        ("no file lists/a.csv", "no file lists/a.csv"),
        ("https://example.org/v1/models", "https://example.org/v1/models"),
        ("org/model and a / b", "org/model and a / b"),
    ],
)
def test_absolute_paths_lose_their_folders_and_nothing_else_does(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_texts_are_found_in_what_holds_them() -> None:
    found = {"path": "/a/b.csv", "more": [{"x": "/c/d"}, 1, None]}
    assert without_folders(found) == {"path": "b.csv", "more": [{"x": "d"}, 1, None]}
