"""The stages of the workflow on a generated shop, each to be run in a process of its own.

Run by `python -m benchmarks scale`; one alone by
`python -m benchmarks.scale_stages FOLDER STAGE [PROMPTS]`. What a stage reads, those before it in
`STAGES` wrote into the folder, which holds what `scale_data.write_amazon` and `write_csv` make.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llmseqrec.config import Columns, Core, Dataset, Embedding, RawFile, Reduction, Temporal
from llmseqrec.contracts import RECOMMENDATIONS, read_json, write_table
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.data.splits import write_part
from llmseqrec.embeddings.embed import embed_items
from llmseqrec.evaluation.results import evaluate_run
from llmseqrec.inspection import inspected_sessions
from llmseqrec.reduction.reduce import reduce_embeddings
from llmseqrec.registry import MODELS, parameters_class
from llmseqrec.resolve import ResolvedRun
from llmseqrec.runs import Identity, RunFiles, recommend_run, train_run
from llmseqrec.sensitivity import TieStudy, tie_sensitivity
from llmseqrec.sessions import Prompts, Sessions
from llmseqrec.slices import slice_metrics
from llmseqrec.summary import compare_runs, run_result

SPLIT = Temporal()
EMBEDDING = Embedding(provider="hashed_words", template="title", dimensions=384)
PARAMETERS: dict[str, dict[str, Any]] = {
    "most_popular": {},
    "sknn": {"k": 100, "sample_size": 1000},
    "cooccurrence": {},
    "llm_seq_sim": {},
}
SEEDS, TOP, CUTOFFS = 5, 20, [10, 20]
BATCHES = 12  # of SASRec, of which the first two are not timed
INSPECTED = 5_000


@dataclass(frozen=True)
class Shop:
    """Where a generated shop lies, and how many prompts are asked at most."""

    folder: Path
    prompts: int

    @property
    def home(self) -> Path:
        """The prepared dataset."""
        return self.folder / "results" / "beauty"

    @property
    def part(self) -> Path:
        """The full part of its split."""
        return self.home / "temporal" / "full"

    @property
    def asked(self) -> Path:
        """The first prompts of the test set, as many as are asked."""
        return self.part / f"asked{self.prompts}" / "test"

    @property
    def vectors(self) -> Path:
        """Item vectors."""
        return self.home / "embeddings" / "words.npy"

    def run(self, model: str) -> tuple[ResolvedRun, RunFiles, Path]:
        """A run of a model with all its files, and its folder."""
        parameters = parameters_class(model)(**PARAMETERS[model]).model_dump(mode="json")
        folder = self.part / model / "seed1"
        needs = MODELS[model].needs_embedding
        files = RunFiles(
            catalogue=self.home / "items.parquet",
            train=self.part / "train",
            vectors=self.vectors if needs else None,
            model=folder / "model" / "model.safetensors",
            preparation=self.home / "preparation.json",
        )
        embedding = EMBEDDING if needs else None
        run = ResolvedRun(
            model=model, params_from="default", parameters=parameters, embedding=embedding
        )
        return run, files, folder


def prepare_amazon(shop: Shop) -> None:
    """Raw reviews and metadata into the tables of a dataset."""
    _prepare(shop, "amazon", {"reviews": "reviews.json", "metadata": "meta.json"}, shop.home)


def prepare_csv(shop: Shop) -> None:
    """The same from csv files, as a private dataset comes in."""
    apart = shop.folder / "results" / "from_csv"
    _prepare(shop, "csv", {"interactions": "rows.csv", "items": "items.csv"}, apart)


def split_train(shop: Shop) -> None:
    """Training sessions of the full part."""
    write_part(shop.home, SPLIT, "full", "train", shop.part / "train")


def split_test(shop: Shop) -> None:
    """Test prompts, and the first of them once more for the stages that ask some alone."""
    write_part(shop.home, SPLIT, "full", "test", shop.part / "test")
    found = Prompts.load(shop.part / "test")
    some = slice(0, shop.prompts)
    Prompts(found.sessions.take(some), found.targets[some]).save(shop.asked)


def embed(shop: Shop) -> None:
    """Vectors of 384 columns of all titles: hashed words, which cost next to nothing."""
    embed_items(shop.home / "items.parquet", EMBEDDING, "cpu", shop.vectors)


def reduce_pca(shop: Shop) -> None:
    """64 principal components."""
    _reduce(shop, "pca")


def reduce_random(shop: Shop) -> None:
    """64 random directions."""
    _reduce(shop, "random_projection")


def train(model: str) -> Callable[[Shop], None]:
    """Fit a model that learns in one pass."""

    def stage(shop: Shop) -> None:
        run, files, folder = shop.run(model)
        train_run(run, files, Identity(1), folder)

    return stage


def recommend(model: str) -> Callable[[Shop], None]:
    """Lists of 20 for the prompts asked."""

    def stage(shop: Shop) -> None:
        run, files, folder = shop.run(model)
        table = recommend_run(run, files, Identity(1), shop.asked, TOP)
        write_table(table, folder / "recommendations.test.parquet", RECOMMENDATIONS)

    return stage


def train_sasrec(shop: Shop) -> dict[str, float]:
    """Steps of SASRec with a sampled softmax: width 64, batches of 256; seconds of an epoch."""
    from benchmarks.plain_loop import Shape
    from benchmarks.training import Case, ours
    from llmseqrec.nn.sequences import Vocabulary

    sessions = Sessions.load(shop.part / "train")
    n_items = read_json(shop.home / "preparation.json")["items"]
    vocabulary = Vocabulary.of(sessions, n_items)
    setting = {"batch_size": 256, "lr": 0.001, "weight_decay": 0.004}
    case = Case("sasrec", Shape(dim=64, layers=2, heads=2, dropout=0.2), setting, {})
    made = ours(case, vocabulary.encode(sessions), len(vocabulary), "sampled_softmax")
    taken = []
    for batch in islice(made.batches.epoch(np.random.default_rng(1)), BATCHES):
        started = time.process_time()
        made.step(batch)
        taken.append(time.process_time() - started)
    each = float(np.median(taken[2:]))
    return {"seconds_a_batch": each, "seconds_an_epoch": each * len(made.batches)}


def evaluate(shop: Shop) -> None:
    """Metrics of the lists of one run."""
    lists = shop.part / "cooccurrence" / "seed1" / "recommendations.test.parquet"
    evaluate_run(lists, shop.asked, shop.home, CUTOFFS)


def shuffle_ties(shop: Shop) -> dict[str, float]:
    """Two shuffles of ties, split and judged anew, with the model whose lists cost least."""
    run, files, _ = shop.run("most_popular")
    study = TieStudy(shop.home, SPLIT, 2, CUTOFFS)
    found = tie_sensitivity(run, files, study, Identity(1))
    return {"tied_share": found["tied_share"]}


def draw_results(shop: Shop) -> None:
    """Values of every test session for two runs of five seeds, at random: not a stage."""
    prompts = Prompts.load(shop.part / "test")
    rng = np.random.default_rng(0)
    n = len(prompts.targets)
    for folder in (shop.part / f"drawn{run}" / f"seed{s}" for run in "ab" for s in range(SEEDS)):
        folder.mkdir(parents=True, exist_ok=True)
        hits = rng.random(n) < 0.1
        values = {
            f"{metric}@{k}": hits * rng.random(n)
            for k in CUTOFFS
            for metric in ("ndcg", "hr", "mrr", "seren", "novel")
        }
        table = pd.DataFrame({"session_id": prompts.sessions.session_ids} | values)
        table.to_parquet(folder / "per_session.test.parquet", index=False)
        told = {"metrics": {}, "sessions_dropped": 0, "sessions_without_list": 0}
        (folder / "metrics.test.json").write_text(json.dumps(told))


def leaderboard(shop: Shop) -> None:
    """A run's intervals over five seeds and all test sessions, 2,000 draws."""
    run_result("a", _drawn(shop)["a"], None, None)


def compare(shop: Shop) -> None:
    """One pair of runs of five seeds: intervals, and 10,000 draws of signs."""
    compare_runs(_drawn(shop), [("a", "b")])


def slices(shop: Shop) -> None:
    """Two runs on fourteen bins, 1,000 draws each."""
    slice_metrics(_drawn(shop), shop.part / "test", shop.part / "train")


def inspect(shop: Shop) -> None:
    """What the report keeps of 5,000 sessions of two runs."""
    models = ("cooccurrence", "sknn")
    runs = {m: shop.part / m / "seed1" / "recommendations.test.parquet" for m in models}
    inspected_sessions(runs, shop.asked, shop.home / "items.parquet", INSPECTED)


STAGES: dict[str, Callable[[Shop], Any]] = {
    "prepare_amazon": prepare_amazon,
    "prepare_csv": prepare_csv,
    "split_train": split_train,
    "split_test": split_test,
    "embed": embed,
    "reduce_pca": reduce_pca,
    "reduce_random": reduce_random,
    **{f"train_{model}": train(model) for model in PARAMETERS},
    "train_sasrec": train_sasrec,
    **{f"recommend_{model}": recommend(model) for model in PARAMETERS},
    "evaluate": evaluate,
    "shuffle_ties": shuffle_ties,
    "draw_results": draw_results,
    "leaderboard": leaderboard,
    "compare": compare,
    "slices": slices,
    "inspect": inspect,
}


def _prepare(shop: Shop, kind: str, names: dict[str, str], target: Path) -> None:
    dataset = Dataset(
        display="Shop",
        format=kind,
        raw={role: RawFile(name=name) for role, name in names.items()},
        raw_dir=shop.folder,
        columns=Columns(title="title") if kind == "csv" else None,
        core=Core(mode="iterative", minimum=2),
        splits={"temporal": SPLIT},
    )
    prepare_sessions(dataset, {role: shop.folder / name for role, name in names.items()}, target)


def _reduce(shop: Shop, method: str) -> None:
    reduction = Reduction.model_validate({"method": method, "dimensions": 64})
    target = shop.vectors.with_name(f"words.{method}.npy")
    reduce_embeddings(shop.vectors, shop.home / "items.parquet", reduction, target)


def _drawn(shop: Shop) -> dict[str, list[str]]:
    return {
        run: [str(shop.part / f"drawn{run}" / f"seed{seed}") for seed in range(SEEDS)]
        for run in "ab"
    }


def main(folder: str, stage: str, prompts: str = "4000") -> None:
    """Do one stage and print what it took: wall and processor seconds, peak memory in GiB."""
    shop = Shop(Path(folder), int(prompts))
    wall, cpu = time.perf_counter(), time.process_time()
    told = STAGES[stage](shop) or {}
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took["gib"] = peak / (2**30 if sys.platform == "darwin" else 2**20)
    print(json.dumps(took | told))


if __name__ == "__main__":
    main(*sys.argv[1:])
