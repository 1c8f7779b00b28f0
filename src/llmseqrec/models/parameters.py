"""Parameters of every recommender. Light to import: the configuration is checked with these.

Defaults are the study's where it states one (online material), else the plainest choice.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SknnDecay = Literal["linear", "log", "harmonic", "quadratic"]
SimilarityDecay = Literal[
    "constant_linear",
    "scaling_linear",
    "scaling_quadratic",
    "scaling_cubic",
    "log",
    "harmonic",
    "harmonic_squared",
]


class Parameters(BaseModel):
    """Base of all parameter classes; refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def stochastic(self) -> bool:
        """Whether two seeds can give two results; if not, only the first seed is run."""
        return False


class MostPopularParameters(Parameters):
    """MostPopular has no parameters: items of the prompt are not removed (study code)."""


class SKNNParameters(Parameters):
    """SKNN, V-SKNN (`decay`), S-SKNN (`sequential_weighting`), SF-SKNN (`sequential_filter`)."""

    k: int = Field(500, ge=1, description="Neighbours.")
    sample_size: int = Field(1000, ge=1, description="Sessions drawn before similarities.")
    sampling: Literal["recent", "random", "idf", "idf_greedy"] = "recent"
    similarity: Literal["cosine", "dot"] = "cosine"
    decay: SknnDecay | None = Field(None, description="Weights of prompt items (V-SKNN).")
    sequential_weighting: bool = Field(False, description="S-SKNN.")
    sequential_filter: bool = Field(False, description="SF-SKNN.")
    idf_weighting: bool = Field(False, description="Item scores times 1 + ln(n / n_i).")
    last_n_items: int | None = Field(None, ge=1, description="Cut prompts to their last items.")
    exclude_seen: bool = Field(True, description="Drop the prompt's items from its list.")

    @property
    def stochastic(self) -> bool:
        return self.sampling == "random"


class LLMSeqSimParameters(Parameters):
    """LLMSeqSim (study, §3.1)."""

    pooling: Literal["mean", "last", "text"] = Field(
        "mean",
        description="mean: weighted mean of item vectors; last: vector of the last item; "
        "text: vector of the session's item texts, joined.",
    )
    decay: SimilarityDecay | None = Field(None, description="Weights of a mean (Table 1).")
    similarity: Literal["cosine", "dot", "euclidean"] = "cosine"
    exclude_seen: bool = True
    text_separator: str = Field(", ", description="Between the texts of a session.")
    text_order: Literal["newest_first", "oldest_first"] = Field(
        "newest_first", description="Encoders cut long texts at the end."
    )


class ExternalParameters(Parameters):
    """Recommendation lists of another system."""

    path: str = Field(description="csv, parquet or json file; may hold {dataset} and {split}.")
    session: str = Field("session_id", description="Column of the source session key.")
    item: str = Field("item_id", description="Column of the source item key.")
    rank: str | None = Field(None, description="Column of the rank; null: order of the rows.")
    score: str | None = None
    length: int = Field(20, ge=1, description="Lists are cut to this before ids are mapped.")
    missing: Literal["miss", "drop"] = Field(
        "miss", description="A session without a list is a miss, or is dropped (reference)."
    )
