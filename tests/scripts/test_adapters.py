"""Adapters: one script a rule, of its name, that only translates; rules that state their needs."""

import ast
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmseqrec.contracts import RECOMMENDATIONS, SESSIONS, read_json, read_table
from llmseqrec.resolve import resolve_run
from llmseqrec.sessions import Prompts, Sessions
from tests.conftest import ROOT, Tiny

SCRIPTS = ROOT / "workflow" / "scripts"
WITHOUT_SCRIPT = {"all", "tables", "figures", "report"}
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", re.M | re.S)
DIRECTIVE = re.compile(r"^    (\w+):(.*?)(?=^    \w|\Z)", re.M | re.S)
PARTS = ("input", "output", "params", "wildcards")
NEEDED = {"output", "log", "benchmark", "threads", "resources", "conda", "envmodules", "script"}


def rules_of_workflow() -> dict[str, dict[str, str]]:
    """Text of every directive of every rule."""
    files = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
    return {
        name: {key: text.strip() for key, text in DIRECTIVE.findall(body)}
        for path in files
        for name, body in RULE.findall(path.read_text(encoding="utf-8"))
    }


RULES = rules_of_workflow()
WORKING = {name: rule for name, rule in RULES.items() if name not in WITHOUT_SCRIPT}
every_rule = pytest.mark.parametrize("name", WORKING)


def test_rules_and_scripts_share_their_names() -> None:
    assert set(RULES) >= WITHOUT_SCRIPT
    assert {path.stem for path in SCRIPTS.glob("*")} - {"__pycache__"} == set(WORKING)


@every_rule
def test_a_rule_states_what_it_needs(name: str) -> None:
    rule = WORKING[name]
    assert set(rule) >= NEEDED
    assert not {"run", "shell", "notebook"} & set(rule)
    assert rule["script"] == f'"../scripts/{name}.py"'
    assert rule["threads"].isdigit()
    assert {"mem_mb", "runtime"} <= set(re.findall(r"(\w+)=", rule["resources"]))
    assert re.match(rf'"logs/{name}[/.]', rule["log"])
    assert re.match(rf'"logs/benchmark/{name}[/.]', rule["benchmark"])


@every_rule
def test_logs_and_benchmarks_of_two_jobs_never_share_a_file(name: str) -> None:
    rule = WORKING[name]
    wildcards = set(re.findall(r"\{(\w+)\}", rule["output"]))
    for directive in ("log", "benchmark"):
        assert set(re.findall(r"\{(\w+)\}", rule[directive])) == wildcards


@every_rule
def test_a_rule_runs_again_when_its_code_changes(name: str) -> None:
    if name == "download_raw":
        pytest.skip("a download does not depend on how it was made")
    assert re.search(r"\bcode=", WORKING[name]["params"])


@every_rule
def test_a_rule_that_may_run_on_a_gpu_asks_for_one(name: str) -> None:
    wants = "device=" in WORKING[name].get("params", "")
    assert ("gpu=" in WORKING[name]["resources"]) == wants


@every_rule
def test_parameters_are_given_and_read(name: str) -> None:
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\bparams\.(\w+)", text))
    given = set(re.findall(r"^ {8}(\w+)=", WORKING[name].get("params", ""), re.M))
    given |= set(re.findall(r"^(\w+)=", WORKING[name].get("params", ""), re.M))
    assert read <= given
    assert given - read <= {"code"}


@every_rule
def test_a_script_only_translates(name: str) -> None:
    text = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    tree = ast.parse(text)
    *imports, frame = tree.body
    assert all(isinstance(node, ast.Import | ast.ImportFrom) for node in imports)
    assert isinstance(frame, ast.With)
    assert ast.unparse(frame.items[0]) == "job(snakemake.log[0])"
    thinking = ast.If | ast.For | ast.While | ast.Try | ast.FunctionDef | ast.ClassDef | ast.Lambda
    assert not [node for node in ast.walk(tree) if isinstance(node, thinking)]
    modules = {node.module for node in imports if isinstance(node, ast.ImportFrom)}
    others = {module for module in modules if not str(module).startswith("llmseqrec")}
    assert others <= {"pathlib"}


class Named(list[Any]):
    """Values by position and, where they have one, by name, as Snakemake hands them out."""

    def __init__(self, values: dict[str, Any] | list[str]) -> None:
        named = values if isinstance(values, dict) else {}
        super().__init__(named.values() if named else values)
        for name, value in named.items():
            setattr(self, name, str(value) if isinstance(value, Path) else value)
        self.items = lambda: [(name, getattr(self, name)) for name in named]


def run_script(name: str, root: Path, **fields: dict[str, Any] | list[str]) -> None:
    parts = {part: Named(fields.get(part, [])) for part in PARTS}
    snakemake = SimpleNamespace(log=[str(root / f"{name}.log")], **parts)
    runpy.run_path(str(SCRIPTS / f"{name}.py"), init_globals={"snakemake": snakemake})


def resolved(tiny: Tiny, name: str) -> dict[str, Any]:
    run = resolve_run(tiny.config, "tiny", name, ROOT / "config" / "published")
    return run.model_dump(mode="json")


def split_params(tiny: Tiny) -> dict[str, Any]:
    return tiny.dataset.splits["temporal"].model_dump(mode="json")


def train(tiny: Tiny, root: Path) -> Path:
    """Run the adapter of train_model; the folder of the seed."""
    folder = root / "temporal" / "full" / "v_sknn" / "seed7"
    run_script(
        "train_model",
        root,
        input={
            "catalogue": tiny.folder / "items.parquet",
            "train": tiny.folder / "temporal" / "full" / "train",
            "preparation": tiny.folder / "preparation.json",
        },
        output={"model": folder / "model" / "model.safetensors", "facts": folder / "run.json"},
        params={"run": resolved(tiny, "v_sknn"), "device": "auto", "code": "c0de"},
        wildcards={"seed": "7"},
    )
    return folder


pytestmark = pytest.mark.usefixtures("own_logging")


def test_prepare_sessions(tiny: Tiny, tmp_path: Path) -> None:
    # What the rule hands over: neither names of runs and splits nor where the files lie.
    left_out = {"display", "splits", "published", "borrows", "template", "raw_dir", "private"}
    run_script(
        "prepare_sessions",
        tmp_path,
        input={"interactions": tiny.root / "raw" / "rows.csv"},
        output={"catalogue": tmp_path / "out" / "items.parquet"},
        params={"dataset": tiny.dataset.model_dump(mode="json", exclude=left_out), "code": ""},
        wildcards={"dataset": "tiny"},
    )
    for name in ("items", "sessions", "interactions", "reviews"):
        made = (tmp_path / "out" / f"{name}.parquet").read_bytes()
        assert made == (tiny.folder / f"{name}.parquet").read_bytes()


def test_split_sessions(tiny: Tiny, tmp_path: Path) -> None:
    for subset in ("train", "valid"):
        run_script(
            "split_sessions",
            tmp_path,
            input={"interactions": tiny.folder / "interactions.parquet"},
            output=[str(tmp_path / subset)],
            params={"split": split_params(tiny), "code": ""},
            wildcards={"part": "fold1", "subset": subset},
        )
    fitted, asked = Sessions.load(tmp_path / "train"), Prompts.load(tmp_path / "valid")
    assert (len(fitted), len(asked.targets)) == (8, 8)


def test_train_model(tiny: Tiny, tmp_path: Path) -> None:
    facts = read_json(train(tiny, tmp_path) / "run.json")
    assert (facts["seed"], facts["device"], facts["code"]) == (7, "cpu", "c0de")
    assert facts["data_hash"] == read_json(tiny.folder / "preparation.json")["data_hash"]
    assert facts["run"]["parameters"]["decay"] == "linear"


def test_recommend_and_evaluate(tiny: Tiny, tmp_path: Path) -> None:
    folder = train(tiny, tmp_path)
    lists = folder / "recommendations.test.parquet"
    prompts = tiny.folder / "temporal" / "full" / "test"
    common = {"run": resolved(tiny, "v_sknn"), "device": "cpu", "code": "c0de"}
    run_script(
        "recommend",
        tmp_path,
        input={
            "catalogue": tiny.folder / "items.parquet",
            "train": tiny.folder / "temporal" / "full" / "train",
            "model": folder / "model" / "model.safetensors",
            "prompts": prompts,
        },
        output=[str(lists)],
        params=common | {"top_k": 5},
        wildcards={"seed": "7"},
    )
    table = read_table(lists, RECOMMENDATIONS)
    assert table["rank"].max() == 5
    run_script(
        "evaluate",
        tmp_path,
        input={
            "recommendations": lists,
            "prompts": prompts,
            "catalogue": tiny.folder / "items.parquet",
        },
        params={"cutoffs": [1, 5], "code": ""},
    )
    metrics = read_json(folder / "metrics.test.json")
    assert metrics["sessions"] == len(Prompts.load(prompts).targets) == 8
    assert metrics["metrics"]["hr@5"] > 0.5  # a session stays in its group of five items
    assert (tmp_path / "temporal" / "test_ledger.csv").is_file()


def test_choose_combination(tiny: Tiny, tmp_path: Path) -> None:
    folder = train(tiny, tmp_path)
    single = {"model": "popularity_hybrid", "params_from": "default"}
    run_script(
        "choose_combination",
        tmp_path,
        input={
            "catalogue": tiny.folder / "items.parquet",
            "part_train": [str(tiny.folder / "temporal" / "full" / "train")] * 2,
            "part_prompts": [str(tiny.folder / "temporal" / "full" / "test")] * 2,
            "part_components": [str(folder / "model" / "model.safetensors")] * 2,
        },
        output=[str(tmp_path / "choice.json")],
        params={
            "run": single
            | {"parameters": {"length": 3}, "components": {"v_sknn": resolved(tiny, "v_sknn")}},
            "seed": 7,
            "device": "cpu",
            "code": "",
        },
    )
    found = read_json(tmp_path / "choice.json")
    assert found["prompts"] == [8, 8]
    assert found["chosen"] in [tried["option"] for tried in found["tried"]]


def test_tie_sensitivity(tiny: Tiny, tmp_path: Path) -> None:
    target = tmp_path / "temporal" / "full" / "most_popular" / "tie_sensitivity.json"
    run_script(
        "tie_sensitivity",
        tmp_path,
        input={
            "catalogue": tiny.folder / "items.parquet",
            "train": tiny.folder / "temporal" / "full" / "train",
            "interactions": tiny.folder / "interactions.parquet",
        },
        output=[str(target)],
        params={
            "run": resolved(tiny, "most_popular"),
            "split": split_params(tiny),
            "shuffles": 2,
            "cutoffs": [5],
            "seed": 1,
            "device": "cpu",
            "code": "",
        },
    )
    assert len(read_json(target)["metrics"]) == 2
    ledger = (tmp_path / "temporal" / "test_ledger.csv").read_text().splitlines()
    assert ledger[1].startswith("most_popular,1,")
    assert ledger[1].split(",")[3] == "2"  # looks


def external(tiny: Tiny, root: Path, lists: Path) -> Path:
    folder = root / "temporal" / "full" / "mine" / "seed1"
    parameters = {"path": str(lists), "session": "user", "item": "asin"}
    run_script(
        "import_recommendations",
        root,
        input={
            "lists": lists,
            "catalogue": tiny.folder / "items.parquet",
            "sessions": tiny.folder / "sessions.parquet",
            "preparation": tiny.folder / "preparation.json",
        },
        output={"facts": folder / "run.json"},
        params={
            "run": {"model": "external", "params_from": "default", "parameters": parameters},
            "code": "c0de",
        },
        wildcards={"seed": "1"},
    )
    return folder


def test_import_recommendations(tiny: Tiny, tmp_path: Path) -> None:
    lists = tmp_path / "mine.csv"
    rows = [(f"user {n}", item) for n in (39, 38, 99) for item in ("hub", "a1", "lost")]
    pd.DataFrame(rows, columns=["user", "asin"]).to_csv(lists, index=False)
    folder = external(tiny, tmp_path, lists)
    table = read_table(folder / "recommendations.test.parquet", RECOMMENDATIONS)
    keys = read_table(tiny.folder / "sessions.parquet", SESSIONS)["source_id"]
    assert sorted(keys[np.unique(table["session_id"])]) == ["user 38", "user 39"]
    counts = read_json(folder / "run.json")["imported"]
    assert (counts["unknown_sessions"], counts["unknown_items"]) == (1, 1)


def test_a_wrong_file_ends_the_script_in_one_line(tiny: Tiny, tmp_path: Path) -> None:
    lists = tmp_path / "mine.csv"
    lists.write_text("user,product\nuser 1,hub\n")
    with pytest.raises(SystemExit) as caught:
        external(tiny, tmp_path, lists)
    message = f"error: {lists}: no column 'asin'; it has ['user', 'product']"
    assert caught.value.code == message
    assert not (tmp_path / "temporal").exists()
    assert "Traceback" not in (tmp_path / "import_recommendations.log").read_text()


def test_a_wrong_membership_file_ends_the_script_in_one_line(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("user 1\nuser 77\n")
    split = split_params(tiny) | {"test_sessions": str(tmp_path / "ids.txt")}
    told = r"^error: .*ids\.txt: .* 1 unknown, first 'user 77' in line 2$"
    with pytest.raises(SystemExit, match=told):
        run_script(
            "split_sessions",
            tmp_path,
            input={"interactions": tiny.folder / "interactions.parquet"},
            output=[str(tmp_path / "test")],
            params={"split": split, "code": ""},
            wildcards={"part": "full", "subset": "test"},
        )
    assert not (tmp_path / "test").exists()
