"""The sections a run is made of; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from llmseqrec.config_base import Name, Strict, first_problem, one_of
from llmseqrec.config_budget import BudgetName
from llmseqrec.config_reductions import ORDERED_METHODS
from llmseqrec.config_reductions import Reduction as Reduction
from llmseqrec.errors import shown
from llmseqrec.registry import EMBEDDING_PROVIDERS, MODELS, parameters_class

if TYPE_CHECKING:
    from llmseqrec.models.parameters import Parameters


# What a provider takes where the configuration says nothing.
PROVIDER_DEFAULTS: dict[str, dict[str, Any]] = {
    "sentence_transformers": {"model": "all-MiniLM-L6-v2", "batch_size": 64},
    "openai": {"model": "text-embedding-3-small", "batch_size": 2048},
    "vertex": {"model": "gemini-embedding-001", "batch_size": 250},
    "hashed_words": {"model": "words", "batch_size": 1},
}
# Keys that mean something to some providers only.
PROVIDER_KEYS: dict[str, set[str]] = {
    "sentence_transformers": {
        "revision",
        "allow_download",
        "pooling",
        "batch_tokens",
        "bfloat16",
    },
    "openai": {"dimensions", "base_url", "batch"},
    "vertex": {"dimensions", "base_url", "task_type", "project", "location"},
    "hashed_words": {"dimensions"},
}


class Embedding(Strict):
    """Item vectors: who computes them from which text."""

    provider: str = "sentence_transformers"
    model: str = Field(
        "",
        description="Model name, or a folder that holds the weights. Default: "
        + ", ".join(f"{name}: {keys['model']}" for name, keys in PROVIDER_DEFAULTS.items())
        + ".",
    )
    revision: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="The commit; needed for the hub."
    )
    template: str | None = Field(None, description="Overrides the dataset's template.")
    allow_download: bool = Field(False, description="Fetch weights that are not on this machine.")
    pooling: Literal["cls", "mean"] | None = Field(
        None,
        description="cls or mean: the first token's vector or the mean over all tokens, of the "
        "last layer and with nothing done to it; null: as the model itself does.",
    )
    batch_size: int = Field(
        0,
        ge=1,
        description="Texts encoded, or sent, at once. Default: "
        + ", ".join(f"{name}: {keys['batch_size']}" for name, keys in PROVIDER_DEFAULTS.items())
        + ".",
    )
    batch_tokens: int = Field(
        1024,
        ge=1,
        description="Most tokens of a local batch, padding included; a GPU wants more.",
    )
    bfloat16: bool = Field(
        False,
        description="Local encoder in bfloat16, where the processor multiplies it: about three "
        "times as fast; pooling and vectors stay single precision.",
    )
    dimensions: int | None = Field(
        None,
        ge=1,
        description="Asked of a service, null: the model's; hashed_words: columns, 1024.",
    )
    base_url: str | None = Field(
        None, description="Another address of the service; openai also reads OPENAI_BASE_URL."
    )
    task_type: str | None = Field(None, description="vertex: such as RETRIEVAL_DOCUMENT.")
    # Ways to the same vectors: left out of what is dumped, so that another one reruns nothing.
    project: str | None = Field(
        None, exclude=True, description="vertex; null: GOOGLE_CLOUD_PROJECT."
    )
    location: str = Field("us-central1", exclude=True, description="vertex: region that answers.")
    batch: bool = Field(
        False,
        exclude=True,
        description="openai: the Batch API, half the price, an answer within a day.",
    )

    @model_validator(mode="before")
    @classmethod
    def _provider_defaults(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        provider = content.get("provider", cls.model_fields["provider"].default)
        known = PROVIDER_DEFAULTS.get(provider, {}) if isinstance(provider, str) else {}
        return known | content

    @model_validator(mode="after")
    def _keys_of_the_provider(self) -> Embedding:
        own = PROVIDER_KEYS.get(self.provider, set())
        for key in sorted(set().union(*PROVIDER_KEYS.values()) - own):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} does nothing for provider {self.provider}")
        if self.allow_download and self.revision is None:
            raise ValueError("allow_download: needs revision, the 40 digits of a commit")
        if self.dimensions and self.model == "text-embedding-ada-002":
            raise ValueError("dimensions: text-embedding-ada-002 has 1536 and takes no other")
        return self

    @field_validator("base_url")
    @classmethod
    def _no_credentials(cls, value: str | None) -> str | None:
        if value is not None and "@" in value:
            raise ValueError("an address with a user name or password is not taken")
        return value

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, value: str) -> str:
        return one_of(value, EMBEDDING_PROVIDERS, "provider")


class Run(Strict):
    """A named recommender: model, parameters, item vectors."""

    display: str
    model: str
    params_from: Literal["default", "published", "tuned"] = "default"
    search: Name | None = Field(
        None, description="params_from tuned: the search whose best values and vectors it takes."
    )
    published_as: Name | None = Field(None, description="Its name in config/published/.")
    table_row: str | None = Field(
        None,
        description="Its row in the published table; by default that of its own name, unless it "
        "has item vectors, which are not the study's.",
    )
    parameters: dict[str, Any] = Field(default_factory=dict)
    embedding: Name | None = None
    reduction: Name | None = Field(
        None, description="null: that of the published settings, if they have one, else none."
    )
    components: list[Name] = Field(
        [], description="Runs that a model combines, in the order that it gives them a part."
    )
    language_model: Name | None = Field(
        None, description="The language model that a prompt task asks."
    )
    finetune: bool = Field(True, description="false: the language model is asked as it comes.")
    least_budget: BudgetName | None = Field(
        None,
        description="The smallest budget that does it; under a smaller one its row says so, unless "
        "`device: cuda` tells that there is a GPU.",
    )
    finetuned_by: Name | None = Field(
        None, description="A run whose fine-tuned model is asked, instead of one of its own."
    )

    @model_validator(mode="after")
    def _known_parameters(self) -> Run:
        one_of(self.model, MODELS, "model")
        allowed = parameters_class(self.model).model_fields
        for key in self.parameters:
            if key not in allowed:
                raise ValueError(
                    f"parameters.{shown(key)[1:-1]} is unknown; {self.model} has {sorted(allowed)}"
                )
        try:
            parameters = self.checked_parameters
        except ValidationError as error:
            raise ValueError(f"parameters.{first_problem(error)}") from None
        if (self.params_from == "tuned") != (self.search is not None):
            raise ValueError("params_from: tuned and search go together")
        if self.search is not None:
            if self.parameters or self.embedding or self.reduction or self.components:
                raise ValueError("a tuned run takes parameters and item vectors from its search")
            if self.prompted:
                raise ValueError(
                    "params_from: a prompted run has its values from best.yaml by hand, and"
                    " finetuned_by"
                )
            return self
        if self.embedding is None:
            self._check_without_embedding(parameters)
        self._check_components()
        self._check_prompted()
        return self

    @property
    def prompted(self) -> bool:
        """Whether a language model is asked for its lists."""
        return MODELS[self.model].prompted

    @property
    def tuned(self) -> bool:
        """Whether it fine-tunes a language model of its own."""
        return self.prompted and self.finetune and self.finetuned_by is None

    @property
    def sources(self) -> list[Name]:
        """Runs that it cannot do without."""
        named = [getattr(self.checked_parameters, "named_run", None), self.finetuned_by]
        return list(dict.fromkeys([*self.components, *filter(None, named)]))

    @property
    def checked_parameters(self) -> Parameters:
        """The parameters that the run itself gives, and the defaults of the others."""
        return parameters_class(self.model)(**self.parameters)

    def _check_without_embedding(self, parameters: Parameters) -> None:
        """Refuse what needs item vectors or, of them, does nothing where there are none."""
        if MODELS[self.model].needs_embedding:
            raise ValueError(f"model {self.model} needs an embedding")
        for key in parameters.idle_without_vectors:
            raise ValueError(f"parameters.{key} does nothing without an embedding; name one")

    def _check_components(self) -> None:
        """Refuse another number of components than the model combines."""
        entry, given = MODELS[self.model], len(self.components)
        if not entry.combined and given:
            raise ValueError(f"components: model {self.model} combines no runs")
        if given < entry.fewest or (entry.most is not None and given > entry.most):
            wanted = f"{entry.fewest}" if entry.most else f"{entry.fewest} or more"
            raise ValueError(f"components: model {self.model} combines {wanted}, not {given}")
        if len(set(self.components)) < given:
            raise ValueError("components: a run is named twice")

    def _check_prompted(self) -> None:
        """Refuse a task without a language model, and keys that belong to tasks elsewhere."""
        if self.prompted and self.language_model is None:
            raise ValueError(f"model {self.model} needs a language_model")
        if self.prompted and self.reduction:
            raise ValueError("reduction: names are compared by unreduced vectors")
        if self.finetuned_by and not self.finetune:
            raise ValueError("finetuned_by: a run with finetune: false asks the base model")
        for key in ("language_model", "finetune", "finetuned_by"):
            if not self.prompted and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key}: model {self.model} asks no language model")

    def check_reduction(self, reduction: Reduction | None, where: str) -> None:
        """Refuse vectors whose directions are in no order where the model divides them by it.

        Args:
            reduction: the one that the run names.
            where: key of the run.
        """
        if not self.checked_parameters.needs_ordered_vectors:
            return
        if reduction is None or not reduction.ordered:
            raise ValueError(
                f"{where}.parameters.item_vectors.mode: null_space keeps leading directions; "
                f"name a reduction of method {' or '.join(ORDERED_METHODS)}"
            )
