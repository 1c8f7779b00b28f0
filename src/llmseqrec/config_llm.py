"""The section on language models; to be imported from `llmseqrec.config`.

One class a provider. What does not decide an answer is left out of what is dumped (`exclude`), so
that another way to the same model reruns nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator, model_validator

from llmseqrec.config_base import Strict


class ModelSettings(Strict):
    """What the settings of all providers have."""

    provider: str
    # Whether answers can be held to the catalogue, which takes the model's probabilities.
    constrains: ClassVar[bool] = False
    # Whether an untrained answer means anything.
    has_base: ClassVar[bool] = True

    @property
    def only_names(self) -> bool:
        """Whether nothing but the catalogue's names can be asked of it."""
        return False


class TrainedHere(ModelSettings):
    """How a model of this machine is trained and asked."""

    constrains: ClassVar[bool] = True

    epochs: PositiveInt = Field(5, description="Passes over the training prompts at most.")
    most_steps: PositiveInt | None = Field(None, description="Steps at most; null: no limit.")
    batch_tokens: PositiveInt = Field(4096, description="Tokens of a batch, padding included.")
    learning_rate: PositiveFloat = Field(
        1e-4, description="At its height; it falls along a cosine to nothing."
    )
    warmup_steps: int = Field(100, ge=0, description="Steps in which the rate rises.")
    weight_decay: float = Field(0.01, ge=0, description="Decoupled, on matrices only.")
    clipnorm: PositiveFloat = Field(1.0, description="Largest norm of all gradients together.")
    checkpoint_steps: PositiveInt = Field(
        200, description="Steps between looks at the validation loss, and checkpoints."
    )
    patience: PositiveInt | None = Field(
        None, description="Looks without a lower validation loss after which to stop; null: never."
    )
    whole_text: bool = Field(
        False, description="The prompt's tokens are learned too, as in TALLRec, not the answer's."
    )
    bfloat16: bool = Field(
        True, description="Products of training in bfloat16, where the device multiplies it."
    )
    batch_prompts: PositiveInt = Field(16, description="Prompts asked at a time.")


class SmallModelSettings(TrainedHere):
    """A Llama of our own, from scratch on the texts of the training prompts; 5 million weights.

    It knows nothing else: an untrained one is never asked.
    """

    has_base: ClassVar[bool] = False

    provider: Literal["small"]
    learning_rate: PositiveFloat = Field(1e-3, description="At its height.")
    vocabulary: int = Field(8192, ge=258, description="Tokens of its byte-level BPE at most.")
    phrases: bool = Field(
        True, description="Tokens may span words, so that a frequent title becomes one."
    )
    dim: PositiveInt = Field(256, description="Width of the states.")
    layers: PositiveInt = 4
    heads: PositiveInt = Field(4, description="Of attention, for queries.")
    key_heads: PositiveInt = Field(2, description="Of attention, for keys and values.")
    inner: PositiveInt = Field(688, description="Width inside the feed-forward layers.")
    context: PositiveInt = Field(1024, description="Tokens of prompt and answer at most.")
    loss: Literal["tokens", "names"] = Field(
        "tokens",
        description="tokens: every token competes with all others; names: with those that go on "
        "with a name of the catalogue, for answers held to it.",
    )
    spelling: float = Field(
        1.0,
        ge=0,
        description="How much, beside names, every token counts among those of its batch; with 0 "
        "next to nothing is learned.",
    )

    @property
    def only_names(self) -> bool:
        return self.loss == "names"

    @model_validator(mode="after")
    def _heads_divide(self) -> SmallModelSettings:
        if self.dim % (2 * self.heads) or self.heads % self.key_heads:
            raise ValueError(
                f"heads: {self.heads} heads of even width must divide dim {self.dim}, and"
                f" key_heads {self.key_heads} the heads"
            )
        return self


class LoraSettings(Strict):
    """A low-rank adapter; the defaults are those of the study's Llama row (§7.1.7)."""

    rank: PositiveInt = Field(8, description="Of the matrices that are learned.")
    alpha: PositiveInt = Field(32, description="Their product counts alpha / rank times.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Of their input, in training.")
    targets: list[str] = Field(["q_proj", "v_proj"], description="Layers that get one.")
    gradient_checkpointing: bool = Field(
        False, description="Less memory, more time: states are computed anew."
    )


class LocalModelSettings(TrainedHere):
    """Any causal language model of transformers, in a folder or of the hub."""

    provider: Literal["local"]
    model: str = Field(description="A folder, or a name on the hub.")
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="The commit; needed for the hub."
    )
    allow_download: bool = Field(False, exclude=True, description="Fetch weights of the hub.")
    lora: LoraSettings | None = Field(
        default_factory=LoraSettings, description="null: all weights are trained."
    )
    bits: Literal[4, 8] | None = Field(
        None, description="Keep the weights in 4 or 8 bits, by bitsandbytes, on a GPU."
    )
    dtype: Literal["float32", "bfloat16"] = Field("float32", description="Of the weights.")

    @model_validator(mode="after")
    def _pinned_and_trainable(self) -> LocalModelSettings:
        if self.allow_download and self.revision is None:
            raise ValueError("allow_download: needs revision, the 40 digits of a commit")
        if self.bits and self.lora is None:
            raise ValueError(f"bits: weights of {self.bits} bits cannot be trained; they need lora")
        return self


class PaidModelSettings(ModelSettings):
    """A model that computes elsewhere, for money."""

    model: str = Field(description="The base model.")
    base_url: str | None = Field(
        None, description="Another address of the service; openai also reads OPENAI_BASE_URL."
    )
    epochs: PositiveInt = Field(1, description="Passes over the training prompts.")
    learning_rate_multiplier: PositiveFloat | None = Field(None, description="null: the service's.")
    samples_a_request: PositiveInt = Field(description="Answers that one request asks for at most.")
    seeded: bool = Field(True, description="Send a seed with questions; some models take none.")
    requests_a_minute: PositiveFloat | None = Field(
        None, exclude=True, description="Requests a minute at most; null: no limit."
    )

    # A storage_url is Vertex's alone.
    @field_validator("base_url", "storage_url", check_fields=False)
    @classmethod
    def _no_credentials(cls, value: str | None) -> str | None:
        if value is not None and "@" in value:
            raise ValueError("an address with a user name or password is not taken")
        return value


class OpenAIModelSettings(PaidModelSettings):
    """A model of OpenAI, or of a server that speaks its language."""

    provider: Literal["openai"]
    epochs: int = Field(1, ge=1, le=50, description="The study's GPT needed one (§7.2.1).")
    batch_size: int | None = Field(None, ge=1, le=256, description="null: the service's.")
    samples_a_request: int = Field(20, ge=1, le=128, description="Where the model has `n`; else 1.")
    completions: bool = Field(
        False, description="The model continues texts, as babbage-002 does, and has no messages."
    )
    length_key: Literal["max_completion_tokens", "max_tokens"] = Field(
        "max_completion_tokens", description="What the server calls the longest answer."
    )
    reasoning_effort: str | None = Field(
        None, description="none lets models that reason take a temperature."
    )
    batch: bool = Field(
        False,
        exclude=True,
        description="Answers by the Batch API: half the price, within a day.",
    )


class VertexModelSettings(PaidModelSettings):
    """A model of Google's Vertex AI."""

    provider: Literal["vertex"]
    adapter_size: Literal[1, 2, 4, 8, 16, 32] | None = Field(
        None, description="Rank of the tuned adapter; null: the service's."
    )
    samples_a_request: int = Field(1, ge=1, le=8, description="More where the model allows it.")
    thinking_budget: int | None = Field(None, description="0 keeps a model from thinking aloud.")
    project: str | None = Field(None, exclude=True, description="null: GOOGLE_CLOUD_PROJECT.")
    location: str = Field("us-central1", exclude=True, description="Region that tunes and answers.")
    bucket: str | None = Field(
        None, exclude=True, description="Of Cloud Storage, for training files; tuning needs one."
    )
    storage_url: str = Field(
        "https://storage.googleapis.com", exclude=True, description="Address of Cloud Storage."
    )


LanguageModelSettings = Annotated[
    SmallModelSettings | LocalModelSettings | OpenAIModelSettings | VertexModelSettings,
    Field(discriminator="provider"),
]
