"""The configuration and every YAML file beside it, with anything in any place."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmseqrec.config import Config, parse_config, read_config
from llmseqrec.errors import InputError
from llmseqrec.llm.templates import Template, read_template
from llmseqrec.plan import Plan
from llmseqrec.search_spaces import read_spaces
from llmseqrec.services.prices import Prices, read_prices
from llmseqrec.yaml_files import read_yaml
from tests.conftest import ROOT, tiny_content
from tests.fuzz.hostile import MEGABYTE, Refused, damaged, fuzzed, texts, value_or_line, values

HOSTILE = st.one_of(
    values,
    st.sampled_from(
        [
            *("../../x", "/etc/passwd", "", ".", "..", "a/../b", "x" * 300, "a\0b", "{", "{0.x}"),
            *(float("nan"), float("inf"), -1, 10**30, True, None, MEGABYTE, "\ud800"),
            *([], {}, {1: 2}, {None: 1}, [[[[]]]], "2024-01-01", b"bytes", {"a"}),
        ]
    ),
)


def full() -> dict[str, Any]:
    """A configuration that has a little of everything."""
    content: Any = tiny_content(Path("raw"))
    content["embeddings"] = {"words": {"provider": "hashed_words", "template": "title"}}
    content["reductions"] = {"pca": {"method": "pca", "dimensions": 4}}
    content["runs"] |= {
        "sim": {"display": "Sim", "model": "llm_seq_sim", "embedding": "words", "reduction": "pca"},
        "mix": {"display": "Mix", "model": "blend", "components": ["most_popular", "v_sknn"]},
        "other": {"display": "Other", "model": "external", "parameters": {"path": "{dataset}.csv"}},
    }
    content["searches"] = {
        "knn": {
            "run": "v_sknn",
            "dataset": "tiny",
            "split": "temporal",
            "ranges": {"k": {"low": 10, "high": 100, "step": 10}},
        }
    }
    content["experiments"][0]["runs"] += ["sim", "mix", "other"]
    content["comparisons"] = [["v_sknn", "most_popular"]]
    content |= {"max_usd": 1.0, "seeds": [1, 2], "services": {"timeout": 5}}
    return content


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(content, dict):
        pairs = list(content.items())
    elif isinstance(content, list):
        pairs = list(enumerate(content))
    below = [place for key, value in pairs for place in places(value, (*path, key))]
    return [*([path] if path else []), *below]


PLACES = places(full())


def changed(place: tuple[Any, ...], value: Any, as_key: bool) -> dict[str, Any]:
    """The configuration with another value, or key, at a place."""
    content: Any = copy.deepcopy(full())
    target = content
    for step in place[:-1]:
        target = target[step]
    if as_key and isinstance(target, dict) and isinstance(value, str | int | None):
        target[value] = target.pop(place[-1])
    else:
        target[place[-1]] = value
    return content


@fuzzed(150)
@given(place=st.sampled_from(PLACES), value=HOSTILE, as_key=st.booleans())
def test_a_configuration_is_taken_or_refused_by_key(
    place: tuple[Any, ...], value: Any, as_key: bool
) -> None:
    content = changed(place, value, as_key)
    config = value_or_line(lambda: parse_config(content, "c.yaml"), Path("c.yaml"))
    if not isinstance(config, Refused):
        stays_inside(config)
        plan = value_or_line(lambda: Plan(config, ROOT), "")
        if not isinstance(plan, Refused):
            assert all(".." not in name for name in plan.table_files())


def stays_inside(config: Config) -> None:
    """Names that become names of files lie where they belong."""
    sections = (config.datasets, config.runs, config.embeddings, config.reductions, config.searches)
    names = [name for section in sections for name in section]
    names += [split for dataset in config.datasets.values() for split in dataset.splits]
    assert all(name.isascii() and name.replace("_", "").isalnum() for name in names)
    for dataset in config.datasets.values():
        for raw in dataset.raw.values():
            assert Path("resources", raw.name).resolve().is_relative_to(Path("resources").resolve())


@fuzzed(30)
@given(content=damaged(st.just(yaml.safe_dump(full(), allow_unicode=True).encode())))
def test_a_damaged_file_is_read_as_yaml_has_it(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_bytes(content)
    found = value_or_line(lambda: read_yaml(path), path)
    if not isinstance(found, Refused):
        assert found == (yaml.safe_load(content.decode("utf-8-sig")) or {})
    value_or_line(lambda: read_config(path), path)


PRICES = {"as_of": "2026-01-01", "providers": {"openai": {"m": {"usd_per_million": 1.0}}}}
SPACES = {"knn": {"k": {"low": 1, "high": 9, "step": 2}, "d": {"choices": ["a", None]}}}
TEMPLATE = {"chat": {"user": "{items}", "answer": "{name}", "system": "", "item": "{name}"}}
READERS: list[tuple[dict[str, Any], Any, Any]] = [
    (PRICES, read_prices, Prices),
    (SPACES, read_spaces, dict),
    (TEMPLATE, lambda path: read_template(path, "gen_item", "chat"), Template),
]


@pytest.mark.parametrize(("content", "read", "kind"), READERS, ids=["prices", "spaces", "prompts"])
def test_files_beside_the_configuration(
    content: dict[str, Any], read: Any, kind: type, tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"

    @fuzzed()
    @given(place=st.sampled_from(places(content)), value=HOSTILE | texts)
    def check(place: tuple[Any, ...], value: Any) -> None:
        made: Any = copy.deepcopy(content)
        target = made
        for step in place[:-1]:
            target = target[step]
        target[place[-1]] = value
        path.write_text(yaml.safe_dump(made), encoding="utf-8")
        found = value_or_line(lambda: read(path), path)
        assert isinstance(found, Refused | kind)

    check()


def test_a_circle_made_in_python_is_refused() -> None:
    content = full()
    content["runs"]["sim"]["parameters"] = content
    with pytest.raises(InputError, match=r"runs\.sim\.parameters: holds itself"):
        parse_config(content)
