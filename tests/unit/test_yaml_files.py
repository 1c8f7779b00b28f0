"""YAML read strictly: what YAML would let pass is refused in one line that names it."""

from pathlib import Path

import pytest

from llmseqrec.errors import InputError, shown
from llmseqrec.yaml_files import DEEPEST, MOST_BYTES, check_tree, parse_yaml, read_yaml

# Each level holds the one before ten times: 10 ** 9 values out of a few lines.
LAUGHS = "\n".join(
    ["l0: &l0 [x]"] + [f"l{n}: &l{n} [{', '.join(10 * [f'*l{n - 1}'])}]" for n in range(1, 10)]
)
REFUSED = [
    ("a: 1\na: 2", "line 2: the key 'a' stands there twice"),
    ("a: {b: 1, 'b': 2}", "line 1: the key 'b' stands there twice"),
    ("1: 2", "the key 1 is no text"),
    ("a: {no: 1}", "a: the key False is no text"),
    ("? [1, 2]\n: 3", "line 1: found unhashable key"),
    ("a: &x [*x]", "a.0: holds itself"),
    ("a: &x {b: {c: *x}}", "a.b.c: holds itself"),
    (LAUGHS, "more than 200,000 values"),
    (f"a: {'[' * (DEEPEST + 9)}{']' * (DEEPEST + 9)}", "nested deeper than 40"),
    ("[" * 100_000, "nested too deeply"),
    ("a: [", "line 1: "),
    ("a: 1\n\tb: 2", "line 2: "),
    ("a: 2024-99-99", "line 1: '2024-99-99' is no value of its kind"),
    ("a: !!bool perhaps", "line 1: 'perhaps' is no value"),
    ("a: !!int ''", "line 1: '' is no value"),
    ("a: !!python/object/apply:os.getcwd []", "line 1: could not determine a constructor"),
    ("a: !!binary aGVsbG8=", "a: a value of type bytes"),
    ("a: !!set {b, c}", "a: a value of type set"),
    ("a: *unknown", "line 1: found undefined alias"),
    ("a: \x07", "special characters are not allowed"),
    ("a: 1\n---\nb: 2", "but found another document"),
    ("text", "must hold a mapping, `key: value`, and not 'text'"),
    ("- 1", "must hold a mapping"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_what_yaml_lets_pass_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "c.yaml")
    assert str(caught.value).startswith("c.yaml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(InputError, match=r"c\.yaml: no such file \(services\.prices\)"):
        read_yaml(path, "services.prices")
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(InputError, match=r"c\.yaml: cannot be read: line 2 is not UTF-8"):
        read_yaml(path)
    path.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(InputError, match=r"c\.yaml: more than 8 MiB"):
        read_yaml(path)


def test_sound_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfbase: &b {x: 1, y: 2}\r\nmade: {<<: *b, y: 3}\r\nempty:\r\n")
    assert read_yaml(path) == {
        "base": {"x": 1, "y": 2},
        "made": {"x": 1, "y": 3},
        "empty": None,
    }
    path.write_bytes(b"")
    assert read_yaml(path) == {}


def test_a_tree_from_elsewhere_is_checked_too() -> None:
    circle: dict[str, object] = {}
    circle["runs"] = [circle]
    with pytest.raises(InputError, match=r"config: runs\.0: holds itself"):
        check_tree(circle, "config")


def test_what_users_gave_is_shown_in_one_short_line() -> None:
    assert shown("a\nb\0\ud800\u2028") == r"'a\nb\x00\ud800\u2028'"
    assert len(shown("x" * 10**6)) < 90
    assert len(shown([["x" * 100] * 100] * 100)) < 500
