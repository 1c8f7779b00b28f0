"""What can be named in a configuration, as "module:Class" strings that are loaded when used.

Adding a model is one file in `models/`, one parameter class in `models/parameters.py` and one
line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmseqrec.config_base import Parameters

_PARAMETERS = "llmseqrec.models.parameters"
_COMBINED = "llmseqrec.models.combined_parameters"
_PROMPTED = "llmseqrec.llm.parameters"


@dataclass(frozen=True)
class ModelEntry:
    """A recommender: its class, its parameter class, and what it needs.

    Attributes:
        recommender: "module:Class" of the recommender; None where lists come from a file or from
            a language model.
        parameters: "module:Class" of its parameters, light to import.
        needs_embedding: whether a run must name item vectors.
        neural: whether it trains on a GPU where one is configured.
        fewest: components it combines at least; 0 of a model on its own.
        most: components it combines at most; None for any number.
        prompted: whether a language model is asked for the lists.
    """

    recommender: str | None
    parameters: str
    needs_embedding: bool = False
    neural: bool = False
    fewest: int = 0
    most: int | None = 0
    prompted: bool = False

    @property
    def combined(self) -> bool:
        """Whether it combines other runs."""
        return self.fewest > 0

    @property
    def external(self) -> bool:
        """Whether its lists come from a file."""
        return self.recommender is None and not self.prompted


MODELS: dict[str, ModelEntry] = {
    "most_popular": ModelEntry(
        "llmseqrec.models.popularity:MostPopular", f"{_PARAMETERS}:MostPopularParameters"
    ),
    "sknn": ModelEntry("llmseqrec.models.sknn:SKNN", f"{_PARAMETERS}:SKNNParameters"),
    "sknn_emb": ModelEntry(
        "llmseqrec.models.sknn_emb:SKNNEmb",
        f"{_PARAMETERS}:SKNNEmbParameters",
        needs_embedding=True,
    ),
    "cooccurrence": ModelEntry(
        "llmseqrec.models.cooccurrence:Cooccurrence", f"{_PARAMETERS}:CooccurrenceParameters"
    ),
    "llm_seq_sim": ModelEntry(
        "llmseqrec.models.similarity:LLMSeqSim",
        f"{_PARAMETERS}:LLMSeqSimParameters",
        needs_embedding=True,
    ),
    "sasrec": ModelEntry(
        "llmseqrec.models.sasrec:SASRecRecommender", f"{_PARAMETERS}:SASRecParameters", neural=True
    ),
    "bert4rec": ModelEntry(
        "llmseqrec.models.bert4rec:BERT4RecRecommender",
        f"{_PARAMETERS}:BERT4RecParameters",
        neural=True,
    ),
    "gru4rec": ModelEntry(
        "llmseqrec.models.gru4rec:GRU4RecRecommender",
        f"{_PARAMETERS}:GRU4RecParameters",
        neural=True,
    ),
    "sequential_hybrid": ModelEntry(
        "llmseqrec.models.hybrids:SequentialHybrid",
        f"{_COMBINED}:SequentialHybridParameters",
        fewest=2,
        most=2,
    ),
    "popularity_hybrid": ModelEntry(
        "llmseqrec.models.hybrids:PopularityHybrid",
        f"{_COMBINED}:PopularityHybridParameters",
        fewest=1,
        most=1,
    ),
    "embedding_ensemble": ModelEntry(
        "llmseqrec.models.hybrids:EmbeddingEnsemble",
        f"{_COMBINED}:EmbeddingEnsembleParameters",
        fewest=2,
        most=2,
    ),
    "blend": ModelEntry(
        "llmseqrec.models.blend:Blend", f"{_COMBINED}:BlendParameters", fewest=2, most=None
    ),
    "gen_item": ModelEntry(
        None, f"{_PROMPTED}:GenItemParameters", needs_embedding=True, prompted=True
    ),
    "gen_list": ModelEntry(
        None, f"{_PROMPTED}:GenListParameters", needs_embedding=True, prompted=True
    ),
    "class": ModelEntry(None, f"{_PROMPTED}:ClassParameters", needs_embedding=True, prompted=True),
    "rank": ModelEntry(None, f"{_PROMPTED}:RankParameters", prompted=True),
    "external": ModelEntry(None, f"{_PARAMETERS}:ExternalParameters"),
}

RAW_FORMATS: dict[str, str] = {
    "amazon": "llmseqrec.data.amazon:read",
    "steam": "llmseqrec.data.steam:read",
    "movielens": "llmseqrec.data.movielens:read",
    "csv": "llmseqrec.data.csv:read",
}

EMBEDDING_PROVIDERS: dict[str, str] = {
    "sentence_transformers": "llmseqrec.embeddings.sentence_transformers:SentenceTransformers",
    "hashed_words": "llmseqrec.embeddings.hashed_words:HashedWords",
    "openai": "llmseqrec.embeddings.openai:OpenAIEmbeddings",
    "vertex": "llmseqrec.embeddings.vertex:VertexEmbeddings",
}

LLM_PROVIDERS: dict[str, str] = {
    "small": "llmseqrec.llm.providers.small:SmallProvider",
    "local": "llmseqrec.llm.providers.local:LocalProvider",
    "openai": "llmseqrec.llm.providers.openai:OpenAIProvider",
    "vertex": "llmseqrec.llm.providers.vertex:VertexProvider",
}

# Providers that compute elsewhere: the texts are sent to them.
UPLOADING = frozenset({"openai", "vertex"})

REDUCERS: dict[str, str] = {
    "pca": "llmseqrec.reduction.linear:fit_pca",
    "lda": "llmseqrec.reduction.linear:fit_lda",
    "random_projection": "llmseqrec.reduction.linear:fit_random_projection",
    "autoencoder": "llmseqrec.reduction.autoencoder:fit_autoencoder",
    "none": "llmseqrec.reduction.whitening:fit_none",
    "centre": "llmseqrec.reduction.whitening:fit_centre",
    "standardise": "llmseqrec.reduction.whitening:fit_standardise",
    "pca_whitening": "llmseqrec.reduction.whitening:fit_pca_whitening",
    "zca": "llmseqrec.reduction.whitening:fit_zca",
    "group_zca": "llmseqrec.reduction.whitening:fit_group_zca",
}


def load(target: str) -> Any:
    """The object a "module:name" string stands for."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def parameters_class(model: str) -> type[Parameters]:
    """The parameter class of a registered model."""
    loaded: type[Parameters] = load(MODELS[model].parameters)
    return loaded
