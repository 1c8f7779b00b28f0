"""What item texts give a neural model, on the sample, whose titles tell people's tastes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmseqrec.config import Embedding, Reduction, read_config
from llmseqrec.contracts import ITEMS, read_table
from llmseqrec.data.prepare import prepare_sessions
from llmseqrec.data.sample import write_sample
from llmseqrec.data.splits import write_part
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.embeddings.sentence_transformers import SentenceTransformers
from llmseqrec.evaluation.metrics import ItemCounts, evaluate
from llmseqrec.models.base import Catalogue, Setting
from llmseqrec.models.parameters import SASRecParameters
from llmseqrec.models.sasrec import SASRecRecommender
from llmseqrec.registry import REDUCERS, load
from llmseqrec.sessions import Prompts, Sessions
from tests.conftest import ROOT

SMALL = {"dim": 64, "layers": 1, "heads": 1, "batch_size": 128, "learning_rate": 0.003}
WHITENED = Reduction(method="pca_whitening", dimensions=128)


@dataclass(frozen=True)
class SampleData:
    """The sample's temporal split and the vectors of its items' titles."""

    train: Sessions
    test: Prompts
    vectors: np.ndarray
    classes: list[str]

    def reduced(self, reduction: Reduction) -> np.ndarray:
        fitted = load(REDUCERS[reduction.method])(self.vectors, reduction, self.classes)
        found: np.ndarray = fitted.transform(self.vectors)
        return found

    def fitted(self, vectors: np.ndarray, **parameters: Any) -> SASRecRecommender:
        """A small SASRec on given item vectors."""
        catalogue = Catalogue(len(self.classes), vectors)
        setting = Setting(np.random.default_rng(1))
        made = SASRecRecommender(SASRecParameters(**SMALL | parameters), catalogue, setting)
        made.fit(self.train)
        return made

    def ndcg(self, vectors: np.ndarray, control: str) -> float:
        """Test NDCG@20 with frozen vectors behind a trained linear map."""
        item_vectors = {"mode": "adapter", "control": control}
        model = self.fitted(vectors, max_epochs=15, patience=5, item_vectors=item_vectors)
        lists, _ = model.recommend(self.test.sessions, 20)
        n_items = len(self.classes)
        counts = ItemCounts(np.ones(n_items, dtype=np.int64))
        return evaluate(lists, self.test.targets, counts, [20], n_items).aggregate["ndcg@20"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleData:
    reason = SentenceTransformers.unmet_need(Embedding())
    if reason is not None:
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("sample")
    dataset = read_config(ROOT / "config" / "quickstart.yaml").datasets["sample"]
    write_sample(folder)
    raw = {role: folder / file.name for role, file in dataset.raw.items()}
    prepare_sessions(dataset, raw, folder)
    for subset in ("train", "test"):
        write_part(folder, dataset.splits["temporal"], "full", subset, folder / subset)
    items = read_table(folder / "items.parquet", ITEMS)
    return SampleData(
        train=Sessions.load(folder / "train"),
        test=Prompts.load(folder / "test"),
        vectors=SentenceTransformers(Embedding()).embed(item_texts(items, dataset.template)),
        classes=items["class"].tolist(),
    )


def test_permuted_texts_fall_to_the_random_level(sample: SampleData) -> None:
    """The same vectors, given to other items, hold no meaning: what they gain is mere shape."""
    vectors = sample.reduced(WHITENED)
    true, permuted, random = (
        sample.ndcg(vectors, control) for control in ("none", "permuted", "matched_norm")
    )
    assert true > max(permuted, random) + 0.02
    assert permuted < random + 0.02


@pytest.mark.parametrize("method", ["lda", "pca"])
def test_a_width_beyond_the_vectors_is_capped_and_the_cap_is_told(
    sample: SampleData, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As the study's "LDA 448" on Beauty, which was really 219 wide."""
    dimensions = 384 if method == "pca" else len(set(sample.classes)) - 1
    reduction = Reduction(method=method, dimensions=448, normalise=False)
    model = sample.fitted(sample.reduced(reduction), dim=448, max_epochs=1)
    assert model.network.item_table.dim == dimensions < 448
    told = f"448 dimensions asked for, {dimensions} possible, {dimensions} it is"
    assert f"{method}: {told}" in caplog.text
    assert f"dim: 448 asked for, the item vectors have {dimensions}" in caplog.text
