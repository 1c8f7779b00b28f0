"""Parameters of every recommender. Light to import: the configuration is checked with these.

Defaults are the study's where it states one (online material), else the plainest choice.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from llmseqrec.config_base import Parameters as Parameters

SknnDecay = Literal["linear", "log", "harmonic", "quadratic"]
SessionPooling = Literal["mean", "last"]
SimilarityDecay = Literal[
    "constant_linear",
    "scaling_linear",
    "scaling_quadratic",
    "scaling_cubic",
    "log",
    "harmonic",
    "harmonic_squared",
]


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

    @property
    def needs_times(self) -> bool:
        return self.sampling == "recent"


class SKNNEmbParameters(SKNNParameters):
    """SKNN with similarities of session vectors (study, §3.2)."""

    pooling: SessionPooling = Field(
        "mean", description="Vector of a prompt: mean of its items' by `decay`, or the last one's."
    )
    training_pooling: SessionPooling = Field("mean", description="Vector of a training session.")
    training_decay: SknnDecay | None = Field(None, description="Weights of that mean.")
    prompt_decay_for_training: bool = Field(
        False,
        description="As the study's code, which takes `decay` for training sessions wherever "
        "training_decay is set, whatever it is set to.",
    )

    @property
    def applied_training_decay(self) -> SknnDecay | None:
        """The decay that training sessions are averaged with."""
        replaced = self.prompt_decay_for_training and self.training_decay is not None
        return self.decay if replaced else self.training_decay


class CooccurrenceParameters(Parameters):
    """Items that stand near to the prompt's in training sessions."""

    window: int | None = Field(
        None, ge=1, description="Largest distance of two items of a session; null: any."
    )
    distance_decay: SknnDecay | None = Field(
        "harmonic", description="Weight of a pair by its distance, 1 for neighbours."
    )
    popularity_exponent: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A pair's weight is divided by (n_i n_j) to this power: 0 counts, 0.5 cosine.",
    )
    last_n_items: int | None = Field(None, ge=1, description="Cut prompts to their last items.")
    decay: SknnDecay | None = Field("harmonic", description="Weights of prompt items by age.")
    exclude_seen: bool = Field(True, description="Drop the prompt's items from its list.")


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


class ItemVectors(BaseModel):
    """Where a neural model's item vectors come from, and what is trained of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["initialise", "adapter", "delta", "null_space"] = Field(
        "initialise",
        description="initialise: start there and train (LLM2*, study); adapter: frozen vectors "
        "through a trained map; delta: frozen vectors plus a trained step of bounded length; "
        "null_space: frozen leading directions, trained ids in the others.",
    )
    control: Literal["none", "random", "matched_norm", "permuted", "svd"] = Field(
        "none",
        description="What stands in for the text vectors: random ones, random ones of the same "
        "norms, the same ones of other items, or singular vectors of the training sessions.",
    )
    scale: Literal["none", "match_random_norm"] | float = Field(
        "none", description="Factor on the vectors, or to the mean norm of a random table."
    )
    adapter_hidden: int | None = Field(None, ge=1, description="Width of an MLP; null: linear.")
    delta_share: float = Field(0.3, gt=0, description="Longest step as a share of the norm.")
    null_dimensions: int = Field(64, ge=1, description="Trained directions of null_space.")


class NeuralParameters(Parameters):
    """What all neural models share (study, §4 of its protocol)."""

    fidelity: Literal["reference", "standard"] = Field(
        "standard",
        description="reference: the published code with its quirks; standard: padding masked, "
        "independent starting values, every seen item ruled out.",
    )
    dim: int = Field(
        64,
        ge=1,
        description="Width; capped at that of the item vectors, unreduced ones are not cut.",
    )
    max_length: int = Field(20, ge=1, description="Most recent items that are read (N).")
    dropout: float = Field(0.2, ge=0, lt=1)
    learning_rate: float = Field(0.001, gt=0)
    weight_decay: float = Field(0.004, ge=0, description="Decoupled; Keras' own default.")
    clipnorm: float | None = Field(None, gt=0, description="Of each variable's gradient.")
    batch_size: int = Field(256, ge=1)
    max_epochs: int = Field(100, ge=1)
    patience: int | None = Field(
        2,
        ge=1,
        description="Epochs without a better validation NDCG@20 after which to stop and take the "
        "best; null: train max_epochs and take the last.",
    )
    refit: bool = Field(
        False,
        description="Train anew on all training sessions, what validation withheld too, for the "
        "number of epochs that was best (patience: null: for max_epochs, and once only).",
    )
    linear_head: bool = Field(False, description="No activation before the scores.")
    averaging: float = Field(
        0.0, ge=0, lt=1, description="Decay a step of the running mean of weights that is used."
    )
    loss: Literal["cross_entropy", "sampled_softmax", "gbce", "bce"] = "cross_entropy"
    negatives: int = Field(256, ge=1, description="Of a sampled loss.")
    shared_negatives: bool = Field(True, description="One set of negatives a batch.")
    calibration: float = Field(0.75, ge=0, le=1, description="t of gBCE.")
    bfloat16: bool = Field(
        False,
        description="Products of full cross-entropy in bfloat16, where the processor has them.",
    )
    budget_mb: int = Field(256, ge=1, description="Memory for scores in training.")
    item_vectors: ItemVectors = ItemVectors()

    @property
    def stochastic(self) -> bool:
        return True

    @property
    def learns_validation(self) -> bool:
        return self.refit

    @property
    def needs_ordered_vectors(self) -> bool:
        return self.item_vectors.mode == "null_space" and self.item_vectors.control != "svd"

    @property
    def idle_without_vectors(self) -> list[str]:
        if self.item_vectors.control == "svd":  # makes vectors of its own
            return []
        chosen = self.item_vectors.model_dump(exclude_defaults=True)
        return [f"item_vectors.{key}" for key in chosen]


class TransformerParameters(NeuralParameters):
    """What SASRec and BERT4Rec share."""

    layers: int = Field(2, ge=1)
    heads: int = Field(2, ge=1, description="The width need not be a multiple.")
    start: Literal["random", "similarity"] = Field(
        "random",
        description="similarity: untrained, the network ranks by similarity of item vectors to the "
        "session's last one and its mean (BERT4Rec: its mean); needs linear_head.",
    )
    sharpness: float = Field(8.0, gt=0, description="Of that similarity.")

    @property
    def idle_without_vectors(self) -> list[str]:
        svd = self.item_vectors.control == "svd"
        start = ["start"] if self.start == "similarity" and not svd else []
        return [*super().idle_without_vectors, *start]

    @model_validator(mode="after")
    def _similarity_has_either_sign(self) -> Self:
        if self.start == "similarity" and not self.linear_head:
            raise ValueError("start: similarity needs linear_head: true")
        return self


class SASRecParameters(TransformerParameters):
    """SASRec; with an embedding LLM2SASRec."""


class BERT4RecParameters(TransformerParameters):
    """BERT4Rec; with an embedding LLM2BERT4Rec."""

    mask_prob: float = Field(0.2, gt=0, lt=1, description="Chance of an item to be masked.")


class GRU4RecParameters(NeuralParameters):
    """GRU4Rec; with an embedding LLM2GRU4Rec."""

    hidden: int = Field(100, ge=1, description="Width of the state.")


class ExternalParameters(Parameters):
    """Recommendation lists of another system."""

    path: str = Field(description="csv, parquet or json file; may hold {dataset} and {split}.")
    session: str = Field("session_id", description="Column of the source session key.")
    item: str = Field("item_id", description="Column of the source item key.")
    rank: str | None = Field(None, description="Column of the rank; null: order of the rows.")
    score: str | None = None
    length: int = Field(
        20, ge=1, le=32767, description="Lists are cut to this before ids are mapped."
    )
    missing: Literal["miss", "drop"] = Field(
        "miss", description="A session without a list is a miss, or is dropped (reference)."
    )
