"""Item vectors compared on the folds: as runs would score, and refused where they cannot be."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import parse_config
from llmseqrec.data.splits import write_part
from llmseqrec.errors import InputError
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.plan import Plan
from llmseqrec.reporting.layouts import similarities_layout
from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.tables import to_markdown
from llmseqrec.runs import build
from llmseqrec.sessions import Prompts
from llmseqrec.similarities import Variant, compare_similarities
from tests.conftest import ROOT, Tiny, tiny_content
from tests.unit.trained import IDENTITY, files_of, run_of

FOLDS = ("fold1", "fold2")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder of its own."""
    monkeypatch.chdir(tmp_path)


def folds_of(tiny: Tiny, root: Path) -> dict[str, Path]:
    """The validation prompts of the folds."""
    split = tiny.dataset.splits["temporal"]
    for fold in FOLDS:
        write_part(tiny.folder, split, fold, "valid", root / fold)
    return {fold: root / fold for fold in FOLDS}


def variants_of(tiny: Tiny, root: Path) -> list[Variant]:
    """Two means of one file of vectors."""
    files = replace(files_of(tiny, root, embedding=True), train=None)
    return [
        Variant(
            run_of("llm_seq_sim", embedding=True, decay=decay),
            {"embedding": "e", "reduction": "none", "decay": decay or "none"},
            files,
        )
        for decay in (None, "harmonic")
    ]


def test_values_are_those_of_the_runs_themselves(tiny: Tiny, tmp_path: Path) -> None:
    folds, variants = folds_of(tiny, tmp_path), variants_of(tiny, tmp_path)
    frame = compare_similarities(variants, folds, 5).set_index("decay")
    for variant in variants:
        recommender = build(variant.run, variant.files, IDENTITY.setting(variant.run))
        for fold, folder in folds.items():
            prompts = Prompts.load(folder)
            items, _ = recommender.recommend(prompts.sessions, 5)
            counts = ItemCounts(np.ones(recommender.catalogue.n_items, dtype=np.int64))
            expected = evaluate(items, prompts.targets, counts, [5]).aggregate["ndcg@5"]
            assert frame.loc[variant.labels["decay"], fold] == pytest.approx(expected)
    means = frame[list(FOLDS)].mean(axis=1)
    assert frame["ndcg@5"].tolist() == pytest.approx(means.tolist())
    assert frame["ndcg@5"].is_monotonic_decreasing


def test_readers_see_vectors_and_folds(tiny: Tiny, tmp_path: Path) -> None:
    frame = compare_similarities(variants_of(tiny, tmp_path), folds_of(tiny, tmp_path), 5)
    label = Label("Tiny", "temporal", "temporal", 9, "abcdef0123456789", [1])
    text = to_markdown(frame, similarities_layout(frame, label, {"paid": "no key"}))
    assert "NDCG@5, fold2" in text
    assert "| e | title | none |" in text
    assert "no test set has a part. Not run: paid: no key." in text


ASKED: dict[str, Any] = {"dataset": "tiny", "split": "temporal", "embeddings": ["words", "paid"]}


def plan_of(raw: dict[str, Any] | None = None, **asked: Any) -> Plan:
    """A plan with one comparison, of a dataset that cannot be had unless `raw` says where it is."""
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"] |= raw or {"raw_dir": None, "raw": {}, "private": True}
    content["embeddings"] = {
        "words": {"provider": "hashed_words"},
        "paid": {"provider": "openai"},
    }
    content["reductions"] = {
        "narrow": {"method": "pca", "dimensions": 2},
        "own": {"method": "pca", "dimensions": 2, "fit_on": "training"},
    }
    # Prices tell which models are retired.
    content["services"] = {"prices": str(ROOT / "config" / "prices.yaml")}
    return Plan(parse_config(content | {"similarities": [ASKED | asked]}), ROOT)


def test_every_combination_that_can_be_had_is_asked() -> None:
    plan = plan_of(reductions=[None, "narrow"], decays=[None, "log"]).similarities
    wildcards = SimpleNamespace(dataset="tiny", split="temporal")
    labels = [each["labels"] for each in plan.variants(wildcards)]
    assert labels == [
        {"embedding": "words", "reduction": reduction, "decay": decay}
        for reduction in ("none", "narrow")
        for decay in ("none", "log")
    ]
    files = plan.inputs(wildcards)
    assert files["vectors"] == [
        "results/tiny/embeddings/words.npy",
        "results/tiny/embeddings/words.narrow.npy",
        "results/tiny/embeddings/words.narrow.safetensors",
    ]
    assert not [path for path in files["folds"] if "full" in path]
    assert list(plan.missing(wildcards)) == ["paid"]


def test_no_table_is_asked_for_that_cannot_be_made(tmp_path: Path) -> None:
    assert not plan_of().similarities.tables  # the dataset is private
    (tmp_path / "rows.csv").touch()
    here = {"raw_dir": tmp_path, "raw": {"interactions": {"name": "rows.csv"}}}
    assert plan_of(here).similarities.tables[0] == "results/tables/similarities.tiny.temporal.csv"
    assert not plan_of(here, embeddings=["paid"]).similarities.tables


def test_two_comparisons_of_one_split_are_refused() -> None:
    content = tiny_content(Path("raw")) | {"similarities": [ASKED, ASKED]}
    content["embeddings"] = {"words": {"provider": "hashed_words"}, "paid": {"provider": "openai"}}
    with pytest.raises(InputError, match=r"similarities\[1\]: tiny, temporal has an entry"):
        parse_config(content)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"split": "leave_one_out"}, r"similarities\[0\].split: leave_one_out has no validation"),
        ({"reductions": ["own"]}, r"similarities\[0\].reductions: own is fitted on training"),
        ({"reductions": ["wide"]}, r"similarities\[0\].reductions: .*wide"),
        ({"decays": ["slow"]}, "decays: decay: Input should be .*harmonic"),
        ({"embeddings": ["lost"]}, r"similarities\[0\].embeddings: .*lost"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        plan_of(**asked)
    assert "\n" not in str(caught.value)
