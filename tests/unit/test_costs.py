"""What jobs took: read from benchmark files, laid out by row and by rule."""

import re
from pathlib import Path

import pandas as pd
import pytest

from llmseqrec.config import parse_config
from llmseqrec.contracts import write_json, write_text
from llmseqrec.measurements import ACCELERATED, measured_jobs, read_measurement
from llmseqrec.plan import Plan
from llmseqrec.plan_costs import CostPlan, vector_jobs
from llmseqrec.reporting.costs import build_costs, costs_layout, read_costs
from llmseqrec.reporting.tables import to_html, to_markdown
from tests.conftest import ROOT, tiny_content

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
SEED = "beauty.temporal.full.{}.seed{}"


def record(folder: Path, job: str, seconds: float, cpu: str = "1.5", memory: str = "300.0") -> None:
    line = f"{seconds}\t0:00:00\t{memory}\t1\t1\t1\t1\t1\t50\t{cpu}\n"
    write_text(HEAD + line, folder / "logs" / f"{job}.tsv")


def jobs_in(folder: Path, planned: tuple[str, ...] = ()) -> pd.DataFrame:
    return measured_jobs(folder / "logs", folder / "results", planned)


def row(run: str, *jobs: str) -> dict:
    return {"run": run, "dataset": "Beauty", "split": "temporal", "jobs": list(jobs)}


@pytest.mark.parametrize("nothing", ["NA", "-", ""])
def test_what_was_not_measured_is_unknown_and_not_zero(tmp_path: Path, nothing: str) -> None:
    record(tmp_path, "evaluate/a", 0.4, nothing, nothing)
    found = read_measurement(tmp_path / "logs" / "evaluate" / "a.tsv")
    assert found is not None
    assert (found.seconds, found.cpu_seconds, found.peak_mb) == (0.4, None, None)
    assert build_costs(jobs_in(tmp_path), [])["cpu_seconds"].isna().all()


def test_files_that_are_absent_or_cut_off_tell_nothing(tmp_path: Path) -> None:
    write_text(HEAD, tmp_path / "logs" / "evaluate" / "cut.tsv")
    assert read_measurement(tmp_path / "logs" / "evaluate" / "cut.tsv") is None
    assert read_measurement(tmp_path / "none.tsv") is None
    assert jobs_in(tmp_path).empty


def test_shared_jobs_count_in_each_row_and_are_told(tmp_path: Path) -> None:
    record(tmp_path, "embed_items/beauty.minilm", 100, "80", "900")
    record(tmp_path, "train_model/a", 10, "9", "400")
    record(tmp_path, "train_model/b", 20, "18", "500")
    rows = [
        row("A", "embed_items/beauty.minilm", "train_model/a", "train_model/never"),
        row("B", "embed_items/beauty.minilm", "train_model/b"),
    ]
    costs = build_costs(jobs_in(tmp_path), rows).set_index("name")
    assert list(costs.loc["A", ["jobs", "shared_jobs", "seconds"]]) == [2, 1, 110]
    assert list(costs.loc["B", ["shared_seconds", "cpu_seconds", "peak_mb"]]) == [100, 98, 900]
    assert list(costs.index) == ["A", "B", "embed_items", "train_model"]  # rules by wall time
    assert list(costs.loc["train_model", ["jobs", "seconds"]]) == [2, 30]


def test_money_comes_from_the_sidecars_even_where_time_is_unknown(tmp_path: Path) -> None:
    seed = tmp_path / "results" / "beauty" / "temporal" / "full" / "asked" / "seed1"
    paid = {"cost": {"tokens": 1000, "usd": 0.5}}
    write_json(paid, tmp_path / "results" / "beauty" / "embeddings" / "ada.json")
    write_json(paid, seed / "answers.test.json")
    write_json({"cost": None}, seed / "language_model" / "model.json")
    names = (
        "embed_items/beauty.ada",
        f"generate/{SEED.format('asked', 1)}.test",
        f"finetune_llm/{SEED.format('asked', 1)}",
    )
    record(tmp_path, names[0], 3)
    jobs = jobs_in(tmp_path, names)
    costs = build_costs(jobs, [row("Asked", *names)]).set_index("name")
    assert list(costs.loc["Asked", ["jobs", "seconds", "tokens", "usd"]]) == [2, 3, 2000, 1]
    assert list(jobs.index) == sorted(names[:2])


def test_one_purchase_counts_once_in_a_row_that_uses_it_twice(tmp_path: Path) -> None:
    cost = {"cost": {"tokens": 10, "usd": 0.5}}
    for dataset, digest in (("beauty", "aa"), ("again", "aa"), ("games", "bb")):
        path = tmp_path / "results" / dataset / "embeddings" / "ada.json"
        write_json(cost | {"vectors_sha256": digest}, path)
    for seed, job in ((1, "job-1"), (2, "job-1")):
        home = tmp_path / "results" / "beauty" / "temporal" / "full" / "asked" / f"seed{seed}"
        write_json(cost | {"job": job}, home / "language_model" / "model.json")
    vectors = [f"embed_items/{dataset}.ada" for dataset in ("beauty", "again", "games")]
    models = [f"finetune_llm/{SEED.format('asked', seed)}" for seed in (1, 2)]
    jobs = jobs_in(tmp_path, (*vectors, *models))
    costs = build_costs(jobs, [row("All", *vectors, *models)]).set_index("name")
    assert list(costs.loc["All", ["jobs", "tokens", "usd"]]) == [5, 30, 1.5]
    assert list(costs.loc["embed_items", ["tokens", "usd"]]) == [20, 1]
    assert list(costs.loc["finetune_llm", ["tokens", "usd"]]) == [10, 0.5]
    assert "purchases can be shared" in costs_layout(costs.reset_index()).caption


def test_names_read_back_as_the_texts_they_are(tmp_path: Path) -> None:
    record(tmp_path, "train_model/a", 10)
    frame = build_costs(jobs_in(tmp_path), [row("NA", "train_model/a"), row("7", "train_model/a")])
    write_text(frame.to_csv(index=False), tmp_path / "costs.csv")
    assert read_costs(tmp_path / "costs.csv")["name"].tolist() == ["NA", "7", "train_model"]


def test_an_unknown_price_makes_the_sum_unknown(tmp_path: Path) -> None:
    for name, usd in (("ada", 0.5), ("new", None)):
        facts = {"cost": {"tokens": 10, "usd": usd}}
        write_json(facts, tmp_path / "results" / "beauty" / "embeddings" / f"{name}.json")
    names = ("embed_items/beauty.ada", "embed_items/beauty.new")
    costs = build_costs(jobs_in(tmp_path, names), [row("Both", *names), row("One", names[0])])
    assert costs["tokens"].tolist()[:2] == [20, 10]
    assert pd.isna(costs["usd"][0])
    assert costs["usd"][1] == 0.5


def test_time_on_a_gpu_is_that_of_jobs_whose_run_says_so(tmp_path: Path) -> None:
    for seed, device in ((1, "cuda"), (2, "cpu")):
        folder = tmp_path / "results" / "beauty" / "temporal" / "full" / "sasrec" / f"seed{seed}"
        write_json({"device": device}, folder / "run.json")
        record(tmp_path, f"train_model/{SEED.format('sasrec', seed)}", 7 * seed)
    costs = build_costs(jobs_in(tmp_path), [])
    assert costs["gpu_seconds"].tolist() == [7]
    assert costs["seconds"].tolist() == [21]


def test_a_fine_tuned_model_tells_the_device_and_unknown_ones_are_noted(tmp_path: Path) -> None:
    seed = tmp_path / "results" / "beauty" / "temporal" / "full" / "asked" / "seed1"
    write_json({"device": None}, seed / "run.json")
    write_json({"device": "cuda", "cost": None}, seed / "language_model" / "model.json")
    stem = SEED.format("asked", 1)
    tuned, asked, scored = f"finetune_llm/{stem}", f"generate/{stem}.test", f"evaluate/{stem}.test"
    for name, seconds in ((tuned, 50), (asked, 20), (scored, 3)):
        record(tmp_path, name, seconds)
    rows = [row("All", tuned, asked, scored), row("Tuned", tuned, scored), row("Asked", asked)]
    costs = build_costs(jobs_in(tmp_path), rows).set_index("name")
    assert costs["gpu_seconds"][:2].tolist() == [50, 50]
    assert costs["note"]["All"] == "time on a GPU: without 1 of 3 jobs, of which it is unknown"
    assert costs["note"]["Tuned"] == costs["note"]["Asked"] == ""
    assert pd.isna(costs["gpu_seconds"]["Asked"])


def test_what_services_computed_took_no_time_on_a_gpu_here(tmp_path: Path) -> None:
    paid = {"cost": {"tokens": 1000, "usd": 0.5}}
    write_json(paid, tmp_path / "results" / "beauty" / "embeddings" / "ada.json")
    record(tmp_path, "embed_items/beauty.ada", 3)
    assert jobs_in(tmp_path)["gpu_seconds"].tolist() == [0]


def test_every_rule_that_may_get_a_gpu_is_known() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    bodies = re.split(r"^rule (\w+):$", rules, flags=re.MULTILINE)[1:]
    found = {name for name, body in zip(bodies[::2], bodies[1::2], strict=True) if "gpu=" in body}
    assert found == set(ACCELERATED)


def test_rows_that_did_not_run_say_why_and_titles_are_escaped(tmp_path: Path) -> None:
    record(tmp_path, "train_model/a", 10)
    rows = [
        row("<b>A</b>", "train_model/a"),
        {"run": "P", "dataset": "D", "split": "s", "reason": "no key"},
    ]
    frame = build_costs(jobs_in(tmp_path), rows)
    layout = costs_layout(frame)
    assert "not run: no key" in to_markdown(frame, layout)
    page = to_html(frame, layout)
    assert "<b>A" not in page
    assert "&lt;b&gt;A" in page
    assert "USD" not in [column.header for column in layout.columns]  # nobody was paid


def test_vectors_lead_to_the_jobs_that_made_them() -> None:
    assert vector_jobs("results/beauty/embeddings/minilm.npy") == ["embed_items/beauty.minilm"]
    assert vector_jobs("results/beauty/s/fold1/embeddings/minilm.lda.npy") == [
        "embed_items/beauty.minilm",
        "reduce_embeddings/beauty.s.fold1.minilm.lda",
    ]


def planned(raw: Path, **runs: dict) -> CostPlan:
    content = tiny_content(raw)
    content["embeddings"] = {"minilm": {"model": "all-MiniLM-L6-v2"}}
    content["reductions"] = {"pca": {"method": "pca", "dimensions": 4}}
    content["language_models"] = {"small": {"provider": "small"}}
    content["runs"] |= runs
    content["experiments"][0]["runs"] += list(runs)
    (raw / "rows.csv").touch()
    return CostPlan(Plan(parse_config(content), ROOT))


SIM = {
    "display": "Sim",
    "model": "llm_seq_sim",
    "embedding": "minilm",
    "reduction": "pca",
}
BLEND = {"display": "Blend", "model": "blend", "components": ["sim", "v_sknn"]}


def test_a_combined_row_needs_the_jobs_of_its_components(tmp_path: Path) -> None:
    jobs = planned(tmp_path, sim=SIM, blend=BLEND).jobs("tiny", "temporal", "blend")
    assert set(jobs) >= {
        "embed_items/tiny.minilm",
        "reduce_embeddings/tiny.minilm.pca",
        "train_model/tiny.temporal.full.blend.seed1",
        "train_model/tiny.temporal.full.sim.seed1",
        "train_model/tiny.temporal.fold2.v_sknn.seed1",
        "choose_combination/tiny.temporal.blend",
        "evaluate/tiny.temporal.full.blend.seed1.test",
    }
    assert "evaluate/tiny.temporal.full.sim.seed1.test" not in jobs
    assert len(jobs) == len(set(jobs))


def test_jobs_are_called_as_the_rules_call_their_benchmarks(tmp_path: Path) -> None:
    asked = {"model": "gen_item", "language_model": "small", "embedding": "minilm"}
    plan = planned(tmp_path, sim=SIM, blend=BLEND, asked=asked | {"display": "Asked"})
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    patterns = re.findall(r'"logs/benchmark/(\w+/.+)\.tsv"', rules)
    known = [re.compile(re.sub(r"\\{\w+\\}", r"[^.]+", re.escape(p))) for p in patterns]
    names = [name for found in plan.rows() for name in found["jobs"]]
    assert any(name.startswith("finetune_llm/") for name in names)
    assert [name for name in names if not any(p.fullmatch(name) for p in known)] == []
