"""Searches on a tiny dataset: what a trial is worth, workers side by side, killed and resumed."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
import yaml

from llmseqrec.config import parse_config
from llmseqrec.contracts import TRIALS, read_table, write_json
from llmseqrec.data.splits import write_part
from llmseqrec.errors import InputError
from llmseqrec.plan import Plan
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, train_run
from llmseqrec.tuned import as_tuned
from llmseqrec.tuning.families import SHARED_PASSES
from llmseqrec.tuning.merge import merge_search
from llmseqrec.tuning.objective import METRIC, Fold
from llmseqrec.tuning.worker import Task, search_run
from llmseqrec.whole_yaml import write_yaml
from tests.conftest import ROOT, Tiny, tiny_content

RUNS = {
    "near": {"display": "Near", "model": "cooccurrence"},
    "sknn": {"display": "SKNN", "model": "sknn", "parameters": {"sampling": "recent"}},
    "words": {"display": "Words", "model": "llm_seq_sim", "embedding": "words"},
    "neural": {
        "display": "Neural",
        "model": "gru4rec",
        "parameters": {"dim": 4, "hidden": 4, "max_epochs": 3, "batch_size": 16},
    },
}
SEARCHES: dict[str, dict[str, Any]] = {
    "near": {"run": "near", "trials": 80, "random_trials": 60, "patience": None, "workers": 2},
    "sknn": {
        "run": "sknn",
        "trials": 20,
        "together": 3,
        "ranges": {"k": {"low": 1, "high": 9, "step": 1}, "sample_size": {"choices": [4, 40]}},
    },
    "words": {"run": "words", "sampler": "grid", "trials": None, "patience": None},
    "neural": {
        "run": "neural",
        "trials": 3,
        "ranges": {
            "dim": {"low": 4, "high": 8, "step": 4},
            "hidden": {"low": 4, "high": 8, "step": 4},
            "batch_size": {"low": 8, "high": 16, "step": 8},
        },
        "variants": {"clipped": {"clipnorm": 5}, "free": {"clipnorm": None}},
    },
}


@dataclass(frozen=True)
class Searched:
    """A tiny dataset with folds, and the plan of its searches."""

    root: Path
    plan: Plan

    def inputs(self, name: str) -> dict[str, Any]:
        return self.plan.searches.inputs(wildcards(name))

    def task(self, name: str, variant: str = "all") -> Task:
        return Task.of(self.plan.searches.task(name, variant))

    def folds(self, name: str) -> list[Fold]:
        variant = self.plan.searches.variants(name)[0]
        return self.task(name, variant).folds(SimpleNamespace(**self.inputs(name)))

    def search(self, name: str, variant: str = "all") -> dict[str, Any]:
        catalogue = Path(self.inputs(name)["catalogue"])
        return search_run(self.task(name, variant), catalogue, self.folds(name), Identity(1))


@dataclass(frozen=True)
class Wildcards:
    search: str
    dataset: str = "tiny"
    split: str = "temporal"


def wildcards(search: str) -> Wildcards:
    return Wildcards(search)


def searches_content(raw: Path) -> dict[str, Any]:
    content = tiny_content(raw)
    content["embeddings"] = {"words": {"provider": "hashed_words", "dimensions": 16}}
    content["runs"] |= RUNS
    content["searches"] = {
        name: {"dataset": "tiny", "split": "temporal", "hours": 1} | search
        for name, search in SEARCHES.items()
    }
    return content


@pytest.fixture
def searched(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Searched:
    """A folder of its own with the prepared tables and the folds, and no test set."""
    monkeypatch.chdir(tmp_path)
    return prepared(tiny, tmp_path, searches_content(tiny.root / "raw"))


def prepared(tiny: Tiny, tmp_path: Path, content: dict[str, Any]) -> Searched:
    """The tables and folds in a folder, and the plan of a configuration."""
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    for path in tiny.folder.glob("*.*"):
        (folder / path.name).symlink_to(path)
    split = tiny.dataset.splits["temporal"]
    for fold in ("fold1", "fold2", "fold3"):
        for subset in ("train", "valid"):
            write_part(folder, split, fold, subset, folder / "temporal" / fold / subset)
    return Searched(tmp_path, Plan(parse_config(content), ROOT))


def journal(found: dict[str, Any]) -> Path:
    return Path(found["study"]) / "journal.log"


def finished(path: Path) -> int:
    """Trials that a journal tells the end of."""
    if not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    ended = [orjson.loads(line) for line in lines if line.endswith(b"\n")]
    return sum(each["op_code"] == 6 and each["state"] in (1, 2, 3) for each in ended)


def merged(searched: Searched, name: str, found: dict[str, dict[str, Any]]) -> pd.DataFrame:
    folder = searched.root / "merged"
    workers = {}
    for variant, content in found.items():
        workers[variant] = folder / f"{variant}.json"
        write_json(content, workers[variant])
    tasks = {variant: searched.task(name, variant) for variant in found}
    merge_search(workers, tasks, {}, folder)
    return read_table(folder / "trials.parquet", TRIALS)


WORKER = """
import sys
from pathlib import Path
from types import SimpleNamespace
import orjson
from llmseqrec.runs import Identity
from llmseqrec.tuning.worker import Task, search_run
content = orjson.loads(Path(sys.argv[1]).read_bytes())
task = Task.of(content["task"])
folds = task.folds(SimpleNamespace(**content["folds"]))
print(search_run(task, Path(content["catalogue"]), folds, Identity(1))["done"])
"""


def start(searched: Searched, name: str) -> subprocess.Popen[str]:
    """A worker in a process of its own."""
    content = {
        "task": searched.plan.searches.task(name, "all"),
        "folds": searched.inputs(name),
        "catalogue": searched.inputs(name)["catalogue"],
    }
    path = searched.root / "task.json"
    write_json(content, path)
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path)],
        cwd=searched.root,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_workers_killed_and_resumed_do_every_trial_once(searched: Searched) -> None:
    folder = searched.task("near").state_dir(
        Path(searched.inputs("near")["catalogue"]), searched.folds("near"), ""
    )
    workers = [start(searched, "near"), start(searched, "near")]
    while finished(folder / "journal.log") < 12:
        assert all(worker.poll() is None for worker in workers), "ended before it was killed"
        time.sleep(0.01)
    for worker in workers:
        worker.send_signal(signal.SIGKILL)
    for worker in workers:
        worker.communicate()
    before = finished(folder / "journal.log")
    assert before < 80
    resumed = [start(searched, "near"), start(searched, "near")]
    done = [int(worker.communicate()[0]) for worker in resumed]
    assert sum(done) == 80 - before
    frame = merged(searched, "near", {"all": {"study": str(folder)}})
    assert len(frame) == 80
    assert frame["parameters"].is_unique
    assert set(frame["state"]) <= {"complete", "pruned"}


def test_one_worker_gives_the_same_trials_again(searched: Searched) -> None:
    frames = []
    for number in range(2):
        found = searched.search("sknn")
        frames.append(merged(searched, "sknn", {"all": found}))
        os.rename("state", f"state{number}")
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) == 20 or found["ended"] == "space"


@pytest.mark.parametrize("name", ["sknn", "words"])
def test_a_shared_pass_gives_what_each_setting_gives_alone(searched: Searched, name: str) -> None:
    if name == "words":
        embed(searched)
    task = searched.task(name)
    objective = task.objective(
        Path(searched.inputs(name)["catalogue"]), searched.folds(name), Identity(1)
    )
    points: list[Any] = [{"k": 2}, {"k": 5}, {"k": 1}]
    if name == "words":
        points = [{"decay": "log"}, {"decay": None}, {"pooling": "last"}]
    together = objective.family_values(points)
    alone = [[value for value, _ in objective.values(point)] for point in points]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert len({tuple(values) for values in alone}) > 1
    assert SHARED_PASSES[task.model].axes


def embed(searched: Searched) -> None:
    from llmseqrec.config import Embedding
    from llmseqrec.embeddings.embed import embed_items

    settings = Embedding(provider="hashed_words", dimensions=16, template="title")
    target = Path("results/tiny/embeddings/words.npy")
    embed_items(Path("results/tiny/items.parquet"), settings, "cpu", target)


def test_the_winner_of_all_variants_is_refitted_for_the_median_of_epochs(
    searched: Searched,
) -> None:
    found = {variant: searched.search("neural", variant) for variant in ("clipped", "free")}
    frame = merged(searched, "neural", found)
    assert frame["variant"].value_counts().to_dict() == {"clipped": 3, "free": 3}
    best = yaml.safe_load((searched.root / "merged" / "best.yaml").read_text())
    top = frame.loc[frame[METRIC].idxmax()]
    assert (best["variant"], best["value"]) == (top["variant"], top[METRIC])
    assert best["parameters"]["max_epochs"] == round(float(np.median(top["epochs"])))
    assert (best["parameters"]["refit"], best["parameters"]["patience"]) == (True, None)
    assert best["parameters"]["clipnorm"] == (5 if top["variant"] == "clipped" else None)

    run = ResolvedRun(model="gru4rec", params_from="tuned", parameters=RUNS["neural"]["parameters"])
    files = RunFiles(
        Path("results/tiny/items.parquet"),
        train=Path("results/tiny/temporal/fold3/train"),
        tuned=searched.root / "merged" / "best.yaml",
    )
    train_run(run, files, Identity(2), searched.root / "fitted")
    facts = orjson.loads((searched.root / "fitted" / "run.json").read_bytes())
    assert facts["run"]["parameters"]["dim"] == best["parameters"]["dim"]
    history = pd.read_parquet(searched.root / "fitted" / "history.parquet")
    assert len(history) == best["parameters"]["max_epochs"]


def test_best_values_of_another_model_are_refused(searched: Searched) -> None:
    path = searched.root / "best.yaml"
    others = dict.fromkeys(("parameters", "run", "vectors", "fitted"))
    write_yaml({"model": "sknn"} | others, path)
    run = ResolvedRun(model="gru4rec", params_from="tuned", parameters={})
    with pytest.raises(InputError, match="best values of sknn, not of gru4rec"):
        as_tuned(run, RunFiles(Path("items.parquet"), tuned=path))


def test_values_that_do_not_fit_fail_their_trials_and_the_search_says_why(
    searched: Searched,
) -> None:
    content = searched.plan.searches.task("sknn", "all")
    content["ranges"] = {"k": {"choices": [0, -1]}}
    files = Path(searched.inputs("sknn")["catalogue"]), searched.folds("sknn")
    found = search_run(Task.of(content), *files, Identity(1))
    assert (found["done"], found["ended"]) == (2, "space")
    write_json(found, searched.root / "worker.json")
    tasks, workers = {"all": Task.of(content)}, {"all": searched.root / "worker.json"}
    with pytest.raises(InputError, match="no trial was completed; the first one: sknn: k: Input"):
        merge_search(workers, tasks, {}, searched.root / "out")
    assert not (searched.root / "out").exists()


def test_one_bad_value_fails_no_relative(searched: Searched) -> None:
    content = searched.plan.searches.task("sknn", "all")
    content["ranges"] = {"k": {"choices": [-1, 3]}}
    files = Path(searched.inputs("sknn")["catalogue"]), searched.folds("sknn")
    found = search_run(Task.of(content), *files, Identity(1))
    write_json(found, searched.root / "worker.json")
    workers = {"all": searched.root / "worker.json"}
    merge_search(workers, {"all": Task.of(content)}, {}, searched.root / "out")
    frame = read_table(searched.root / "out" / "trials.parquet", TRIALS)
    assert sorted(frame["state"]) == ["complete", "fail"]
    best = yaml.safe_load((searched.root / "out" / "best.yaml").read_text())
    assert best["chosen"] == {"k": 3}


def test_a_network_that_diverges_fails_its_trial(searched: Searched) -> None:
    content = searched.plan.searches.task("neural", "free")
    content["ranges"] = {"learning_rate": {"choices": [1e30]}}
    files = Path(searched.inputs("neural")["catalogue"]), searched.folds("neural")
    found = search_run(Task.of(content), *files, Identity(1))
    assert (found["done"], found["ended"]) == (1, "space")


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"patience": None}, 3),
        ({"patience": None, "refit": True}, 3),  # nothing is withheld, nothing validated
        ({"fidelity": "reference", "patience": 5}, 3),  # keeps the last at the limit
        ({"fidelity": "reference", "patience": 1}, 1),
        ({"fidelity": "standard", "patience": 5}, 1),
    ],
)
def test_a_trial_tells_the_epochs_of_the_weights_it_kept(
    searched: Searched, changes: dict[str, Any], epochs: int
) -> None:
    files = Path(searched.inputs("neural")["catalogue"]), searched.folds("neural")
    objective = searched.task("neural", "free").objective(*files, Identity(1))
    still = {"learning_rate": 1e-12, "clipnorm": None}  # every epoch is as good as the first
    _, facts = next(objective.values({**still, **changes}))
    assert facts["epochs"] == epochs


def test_a_tuned_run_takes_the_vectors_that_were_chosen(searched: Searched) -> None:
    embed(searched)
    frame = merged(searched, "words", {"all": searched.search("words")})
    assert len(frame) == 27  # nine poolings, three similarities
    best = searched.root / "merged" / "best.yaml"
    files = RunFiles(Path("results/tiny/items.parquet"), tuned=best)
    files = replace(files, train=Path("results/tiny/temporal/fold3/train"))
    run = ResolvedRun(model="llm_seq_sim", params_from="tuned", parameters={})
    train_run(run, files, Identity(1), searched.root / "fitted")
    facts = orjson.loads((searched.root / "fitted" / "run.json").read_bytes())
    assert facts["run"]["embedding"]["provider"] == "hashed_words"
    assert facts["files"]["vectors"].endswith("results/tiny/embeddings/words.npy")
    prompts = Path("results/tiny/temporal/fold3/valid")
    model = searched.root / "fitted" / "model" / "model.safetensors"
    asked = recommend_run(run, replace(files, model=model), Identity(1), prompts, 5)
    assert len(asked)
