"""The configuration: what is wrong is refused by name, before any job starts."""

from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import Config, Reduction, parse_config, parts_of, read_config
from llmseqrec.config_docs import reference_page, schema_json
from llmseqrec.errors import InputError
from tests.conftest import ROOT, tiny_content


def content(**changes: Any) -> dict[str, Any]:
    """The tiny configuration, with values at dotted keys replaced."""
    made = tiny_content(Path("raw"))
    made["embeddings"] = {"minilm": {}}
    made["reductions"] = {"whitened": {"method": "pca_whitening"}, "lda": {"method": "lda"}}
    for key, value in changes.items():
        *path, last = key.split("__")
        target: Any = made
        for step in path:
            target = target[int(step)] if isinstance(target, list) else target[step]
        target[last] = value
    return made


def run(**fields: Any) -> dict[str, Any]:
    return {"display": "A run", **fields}


NULL_SPACE = {"parameters": {"item_vectors": {"mode": "null_space"}}}
SIMILARITY = {"start": "similarity", "linear_head": True}
IDLE: list[tuple[str, dict[str, Any]]] = [
    (r"item_vectors\.control", {"item_vectors": {"control": "random"}}),
    (r"item_vectors\.control", {"item_vectors": {"control": "matched_norm"}}),
    (r"item_vectors\.control", {"item_vectors": {"control": "permuted"}}),
    (r"item_vectors\.mode", {"item_vectors": {"mode": "adapter"}}),
    (r"item_vectors\.mode", NULL_SPACE["parameters"]),
    (r"item_vectors\.scale", {"item_vectors": {"scale": 0.5}}),
    ("start", SIMILARITY),
]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"datasets__again": tiny_content(Path("raw"))["datasets"]["tiny"]},
            r"datasets\.again\.display: 'Tiny' is datasets\.tiny's",
        ),
        ({"sedes": [1]}, r"config: sedes: unknown key"),
        ({"datasets__tiny__colums": {}}, r"datasets\.tiny\.colums: unknown key"),
        ({"datasets__tiny__splits__temporal__fold": 2}, r"temporal\.fold: unknown key"),
        (
            {"datasets__tiny__format": "amazn"},
            r"datasets\.tiny\.format: unknown format 'amazn'; known",
        ),
        ({"datasets__tiny__core": {"mode": "twice"}}, r"datasets\.tiny\.core\.mode: "),
        ({"runs__x": run(model="most_populer")}, r"runs\.x: unknown model 'most_populer'; known: "),
        ({"runs__x": run(model="sknn", embeding="minilm")}, r"runs\.x\.embeding: unknown key"),
        (
            {"runs__x": run(model="sknn", parameters={"neighbours": 5})},
            r"runs\.x: parameters\.neighbours is unknown; sknn has \[",
        ),
        (
            {"runs__x": run(model="sknn", parameters={"k": "many"})},
            r"runs\.x: parameters\.k: Input should be a valid integer",
        ),
        (
            {"runs__x": run(model="sknn", parameters={"k": 0})},
            r"runs\.x: parameters\.k: Input should be greater than or equal to 1",
        ),
        ({"runs__x": run(model="external")}, r"runs\.x: parameters\.path: required key is missing"),
        ({"runs__x": run(model="llm_seq_sim")}, r"runs\.x: model llm_seq_sim needs an embedding"),
        (
            {"runs__x": run(model="llm_seq_sim", embedding="ada")},
            r"runs\.x\.embedding: 'ada' is not defined; defined: minilm",
        ),
        (
            {"runs__x": run(model="llm_seq_sim", embedding="minilm", reduction="pca")},
            r"runs\.x\.reduction: 'pca' is not defined; defined: whitened, lda",
        ),
        *(
            (
                {"runs__x": run(model="sasrec", parameters=parameters)},
                rf"runs\.x: parameters\.{key} does nothing without an embedding; name one",
            )
            for key, parameters in IDLE
        ),
        *(
            (
                {"runs__x": run(model="sasrec", embedding="minilm", **NULL_SPACE, **reduction)},
                r"runs\.x\.parameters\.item_vectors\.mode: null_space .*name a reduction of "
                r"method pca or pca_whitening",
            )
            for reduction in ({}, {"reduction": "lda"})
        ),
        *(
            ({"runs__x": run(**fields)}, rf"runs\.x: components: {problem}")
            for fields, problem in [
                ({"model": "sknn", "components": ["v_sknn"]}, "model sknn combines no runs"),
                ({"model": "blend"}, "model blend combines 2 or more, not 0"),
                ({"model": "blend", "components": ["v_sknn"] * 2}, "a run is named twice"),
                (
                    {"model": "popularity_hybrid", "components": ["v_sknn", "most_popular"]},
                    "model popularity_hybrid combines 1, not 2",
                ),
            ]
        ),
        (
            {"runs__x": run(model="blend", components=["v_sknn", "lost"])},
            r"runs\.x\.components: 'lost' is not defined; defined: most_popular, v_sknn, x",
        ),
        (
            {
                "runs__x": run(model="blend", components=["v_sknn", "y"]),
                "runs__y": run(model="popularity_hybrid", components=["x"]) | {"display": "Y"},
            },
            r"runs\.x\.components: a circle: x -> y -> x",
        ),
        (
            {
                "runs__x": run(model="popularity_hybrid", components=["y"]),
                "runs__y": run(model="external", parameters={"path": "a.csv"}) | {"display": "Y"},
            },
            r"runs\.x\.components: y is external: it has lists and no scores",
        ),
        (
            {
                "runs__x": run(
                    model="popularity_hybrid",
                    components=["v_sknn"],
                    parameters={"diversity_quantiles": [0.5]},
                )
            },
            r"runs\.x: parameters\.diversity_quantiles does nothing without an embedding",
        ),
        *(
            (
                {"runs__x": run(model=model, components=["v_sknn", "most_popular"][:n], **wrong)},
                r"runs\.x: parameters\.",
            )
            for model, n, wrong in [
                ("blend", 2, {"parameters": {"weights": [0, 0]}}),
                ("embedding_ensemble", 2, {"parameters": {"ranks": []}}),
                ("embedding_ensemble", 2, {"parameters": {"ranks": [-1]}}),
                ("sequential_hybrid", 2, {"parameters": {"quantiles": [25]}}),
                ("popularity_hybrid", 1, {"parameters": {"popularity_quantiles": []}}),
            ]
        ),
        ({"runs__V-SKNN": run(model="sknn")}, r"runs\.V-SKNN.*: String should match pattern"),
        ({"runs__test": run(model="sknn")}, r"runs\.test: a run cannot have the name of a folder"),
        ({"embeddings__minilm": {"provider": "opnai"}}, r"unknown provider 'opnai'; known: "),
        ({"reductions__whitened": {"method": "tsne"}}, r"unknown method 'tsne'; known: "),
        (
            {"reductions__published_pca_448": {"method": "pca"}},
            r"reductions\.published_pca_448: published_\* are those of published settings",
        ),
        ({"embeddings__minilm": {"pooling": "max"}}, r"embeddings\.minilm\.pooling: "),
        ({"reductions__whitened__power": 2}, r"reductions\.whitened\.power: .*less than or equal"),
        (
            {"reductions__whitened__seed": 1},
            r"reductions\.whitened: seed does nothing in pca_whitening, which has dimensions",
        ),
        (
            {"reductions__x": {"method": "centre", "rank": 4}},
            r"reductions\.x: rank does nothing in centre, which has no options",
        ),
        ({"reductions__x": {"dimensions": 4}}, r"reductions\.x: a method, or steps, must be given"),
        ({"reductions__x": {"steps": []}}, r"reductions\.x: a method, or steps, must be given"),
        (
            {"reductions__x": {"method": "pca", "steps": [{"method": "lda"}]}},
            r"reductions\.x: either a method or steps, not both",
        ),
        (
            {"reductions__x": {"steps": [{"method": "lda"}], "dimensions": 4}},
            r"reductions\.x: dimensions does nothing in chain",
        ),
        (
            {"reductions__x": {"steps": [{"method": "lda"}, {"method": "tsne"}]}},
            r"reductions\.x\.steps\.1\.method: unknown method 'tsne'",
        ),
        (
            {"reductions__x": {"steps": [{"method": "zca", "dimensions": 3}]}},
            r"reductions\.x\.steps\.0: dimensions does nothing in zca",
        ),
        (
            {"reductions__x": {"method": "pca", "fit_on": "test"}},
            r"reductions\.x\.fit_on: Input should be 'catalogue' or 'training'",
        ),
        ({"runs__embeddings": run(model="sknn")}, r"runs\.embeddings: a run cannot have the name"),
        (
            {"experiments__0__dataset": "tinny"},
            r"experiments\[0\]\.dataset: 'tinny' is not defined",
        ),
        ({"experiments__0__split": "loo"}, r"experiments\[0\]\.split: 'loo' is not defined"),
        ({"experiments__0__runs": ["knn"]}, r"experiments\[0\]\.runs: 'knn' is not defined"),
        ({"experiments__0__parts": ["fold4"]}, r"experiments\[0\]\.parts: 'fold4' is not defined"),
        ({"experiments": []}, r"experiments: List should have at least 1 item"),
        ({"only": ["beuty"]}, r"only: 'beuty' is not defined; defined: tiny"),
        ({"comparisons": [["v_sknn", "sknn"]]}, r"comparisons\[0\]: 'sknn' is not defined"),
        ({"cutoffs": [10, 20]}, r"cutoffs: 20 is beyond top_k 5"),
        ({"cutoffs": [0, 5]}, r"cutoffs\.0: Input should be greater than 0"),
        ({"seeds": [-1]}, r"seeds\.0: Input should be greater than or equal to 0"),
        ({"seeds": []}, r"seeds: List should have at least 1 item"),
        ({"top_k": True}, r"config: top_k: a number is needed, not True"),
        ({"seeds": [1, True]}, r"config: seeds: a number is needed, not \[1, True\]"),
        ({"max_usd": float("nan")}, r"config: max_usd: Input should be "),
        ({"max_usd": float("inf")}, r"config: max_usd: Input should be a finite number"),
        ({"top_k": 40_000}, r"config: top_k: Input should be less than or equal to 32767"),
        ({"datasets__" + "x" * 61: {}}, r"datasets\.x{61}.*: String should have at most 60"),
        *(
            ({"datasets__tiny__raw__interactions": {"name": name}}, rf"interactions\.name: .*{why}")
            for name, why in [
                ("../../etc/passwd", "leads out of its folder"),
                ("a/../b", "leads out of its folder"),
                ("..", "leads out of its folder"),
                ("a\\b", "leads out of its folder"),
                ("/etc/passwd", "is no name of a file"),
                ("", "is no name of a file"),
                ("a\0b", "is no name of a file"),
                ("a\nb", "is no name of a file"),
                ("x" * 151, "is no name of a file"),
            ]
        ),
        *(
            ({f"{where}__{name}": {}}, r"should match pattern")
            for where in ("datasets", "runs", "embeddings", "reductions", "datasets__tiny__splits")
            for name in ("../../x", "/x", "", "a b", "x\n", "a.b")
        ),
        ({"searches": {"../../x": {}}}, r"searches\..*should match pattern"),
        (
            {"embeddings__minilm": {"provider": []}},
            r"minilm\.provider: Input should be a valid str",
        ),
        ({"datasets__tiny__raw_dir": "x" * 300}, r"tiny: raw_dir: 'x+\.\.\. is no path of a file"),
        ({"datasets__tiny__raw_dir": "a\0b"}, r"tiny: raw_dir: 'a.x00b' is no path of a file"),
        (
            {"datasets__tiny__splits__temporal__protocol": "x" * 10**6},
            r"temporal: .{900,1100} \(and|temporal: .{900,1100}$",
        ),
        ({"experiments__0__dataset": "../../x"}, r"experiments\.0\.dataset: .*match pattern"),
        ({"datasets__tiny__published": "../../x"}, r"published: .*match pattern"),
        ({"embeddings__minilm": {"revision": "../../x"}}, r"minilm\.revision: .*match pattern"),
        ({"embeddings__minilm": {"allow_download": True}}, r"allow_download: needs revision"),
        (
            {"datasets__tiny__splits__temporal__folds": 10**9},
            r"folds: Input should be less than or equal to 99",
        ),
        (
            {
                f"runs__x{n}": run(model="popularity_hybrid", components=[f"x{n + 1}"])
                | {"display": f"X{n}"}
                for n in range(9)
            }
            | {"runs__x9": run(model="sknn")},
            r"runs\.x0\.components: combined runs nested more than 4 deep",
        ),
    ],
)
def test_mistakes_are_refused_by_name_in_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_config(content(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": SIMILARITY | {"item_vectors": {"control": "svd"}}},
        {"parameters": {"item_vectors": {"control": "svd", "mode": "null_space"}}},
        {"parameters": SIMILARITY, "embedding": "minilm"},
        {**NULL_SPACE, "embedding": "minilm", "reduction": "whitened"},
    ],
    ids=str,
)
def test_options_of_item_vectors_are_taken_where_there_are_some(fields: dict[str, Any]) -> None:
    assert "x" in parse_config(content(runs__x=run(model="sasrec", **fields))).runs


def test_a_chain_is_read_as_its_steps() -> None:
    steps = [{"method": "centre", "normalise": True}, {"method": "pca", "dimensions": 4}]
    made = parse_config(content(reductions__x={"steps": steps})).reductions["x"]
    assert [(step.method, step.normalise) for step in made.chain] == [
        ("centre", True),
        ("pca", True),
    ]
    assert (made.ordered, made.keeps_coordinates) == (True, False)
    raw = Reduction(steps=steps[::-1], normalise=False)
    assert [step.normalise for step in raw.chain] == [False, False]
    assert (raw.ordered, raw.keeps_coordinates) == (False, False)
    assert Reduction(steps=steps[:1]).keeps_coordinates


@pytest.mark.parametrize(
    "fields",
    [{"method": "pca"}, {"method": "zca", "rank": 3}, {"steps": [{"method": "lda"}]}],
    ids=str,
)
def test_a_job_reads_the_reduction_that_the_plan_wrote(fields: dict[str, Any]) -> None:
    made = Reduction(**fields)
    assert Reduction.model_validate(made.model_dump()) == made


def test_several_mistakes_are_counted() -> None:
    with pytest.raises(InputError, match=r"unknown key \(and 1 more\)"):
        parse_config(content(first=1, second=2))


def test_a_missing_section_is_named() -> None:
    made = content()
    del made["datasets"]
    with pytest.raises(InputError, match="datasets: required key is missing"):
        parse_config(made)


def test_folds_are_parts_of_temporal_splits_only() -> None:
    splits = parse_config(content()).datasets["tiny"].splits
    assert parts_of(splits["temporal"]) == ["fold1", "fold2", "fold3", "full"]
    assert parts_of(splits["leave_one_out"]) == ["full"]
    changes = {"experiments__0__split": "leave_one_out", "experiments__0__parts": ["fold1"]}
    with pytest.raises(InputError, match="'fold1' is not defined; defined: full"):
        parse_config(content(**changes))


def test_only_chooses_experiments() -> None:
    config = parse_config(content(only=["tiny"]))
    assert [experiment.dataset for experiment in config.chosen] == ["tiny"]


def test_only_needs_a_dataset_of_an_experiment() -> None:
    idle = tiny_content(Path("raw"))["datasets"]["tiny"] | {"display": "Idle"}
    with pytest.raises(InputError, match="only: 'idle' is not defined; defined: tiny"):
        parse_config(content(datasets__idle=idle, only=["idle"]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("runs: [", "not valid YAML"),
        ("", "required key is missing"),
        ("- 1\n", "must hold a mapping"),
    ],
)
def test_a_broken_file_is_named(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"c\.yaml: .*{reason}") as caught:
        read_config(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        read_config(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"display: caf\xe9")
    with pytest.raises(InputError, match=r"latin\.yaml: cannot be read"):
        read_config(tmp_path / "latin.yaml")


CONFIGS = sorted(
    p for p in (ROOT / "config").glob("*.yaml") if p.name not in ("prices.yaml", "spaces.yaml")
)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert isinstance(read_config(path), Config)


def test_reference_and_schema_are_in_step_with_the_code() -> None:
    folder = ROOT / "config"
    assert (folder / "config.schema.json").read_text("utf-8") == schema_json(), "run `make docs`"
    assert (folder / "README.md").read_text("utf-8") == reference_page(), "run `make docs`"
