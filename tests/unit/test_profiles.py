"""Profiles name rules that exist, and the one for clusters has what the default has."""

import re
from typing import Any

import yaml

from tests.conftest import ROOT


def profile(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(
        (ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8")
    )
    return content


def rules() -> str:
    """Text of all rules."""
    files = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_profile_for_clusters_has_what_it_replaces() -> None:
    default, slurm = profile("default"), profile("slurm")
    assert {key: slurm.get(key) for key in default} == default


def test_groups_are_of_rules_that_exist() -> None:
    named = re.findall(r"^rule (\w+):|^use rule \w+ as (\w+) with:", rules(), re.M)
    assert set(profile("slurm")["groups"]) <= {name for pair in named for name in pair}


def test_every_rule_asks_for_more_memory_when_it_is_tried_again() -> None:
    asked = re.findall(r"mem_mb=(.*)", rules())
    assert len(asked) > 30
    assert [each for each in asked if not re.fullmatch(r"memory\(\d+\),", each)] == []
