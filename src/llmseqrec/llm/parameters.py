"""Parameters of the four prompt tasks. Light to import: the configuration is checked with these.

Defaults are the paper's. Where the study's code does otherwise, its rule has a name, and
`reference` settings are listed with each field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from llmseqrec.config_base import Name, Parameters, Strict

ValidationShare = Annotated[float, Field(gt=0, lt=1)]


class CaseParameters(Strict):
    """Which training sessions become cases of fine-tuning, and which of these validate it."""

    validation: NonNegativeInt | ValidationShare = Field(
        500,
        description="Number of cases, or their share: 500 for OpenAI and 250 for PaLM (study, §4), "
        "0.2 in its code.",
    )
    training: PositiveInt | None = Field(None, description="Most cases to train on; null: all.")
    min_prompt_items: PositiveInt = Field(2, description="A shorter prompt is no case.")
    permute: bool = Field(
        False,
        description="A control: the items of all prompts change places, across sessions; answers "
        "stay.",
    )
    token_limit: PositiveInt | None = Field(
        4096, description="A longer prompt and answer is no case; the study has none for Class."
    )


class SamplingParameters(Strict):
    """How a model is asked for answers."""

    temperature: float = Field(0.25, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: PositiveInt = Field(1000, description="Longest answer; the study's ada: 50.")


class TaskParameters(Parameters):
    """What all four tasks have."""

    # What decides neither prompts nor trained answers, but how answers are asked for and read.
    ASKING: ClassVar[frozenset[str]] = frozenset({"sampling"})

    task: str
    style: Literal["chat", "completion", "plain", "instruction", "items"] = Field(
        "chat", description="Section of the template file."
    )
    templates: Path | None = Field(
        None, description="Template file; null: config/prompts/{task}.yaml."
    )
    k: PositiveInt = Field(20, description="Length of a list.")
    duplicates: Literal["first", "last"] = Field(
        "first",
        description="Which item a name stands for that several have: by id; last: the reference.",
    )
    prompt_characters: PositiveInt | None = Field(
        None,
        description="A longer prompt is cut to its last_items; the study's ada: 5000.",
    )
    last_items: PositiveInt = 20
    cases: CaseParameters = CaseParameters()
    sampling: SamplingParameters = SamplingParameters()

    @property
    def stochastic(self) -> bool:
        return True

    @property
    def named_run(self) -> str | None:
        """The run whose lists are part of the prompts or answers."""
        return None

    @property
    def constrained(self) -> bool:
        """Whether answers are held to the catalogue."""
        return False


class GenItemParameters(TaskParameters):
    """GenItem (study, §4.1): the name of the next item, asked for several times."""

    ASKING: ClassVar[frozenset[str]] = frozenset(
        {"sampling", "samples", "decoding", "ranking", "repeats", "seen"}
    )

    task: Literal["gen_item"] = "gen_item"
    samples: PositiveInt = Field(20, description="Answers a prompt; of constrained: beams.")
    decoding: Literal["free", "constrained"] = Field(
        "free",
        description="free: texts are sampled (study); constrained: the likeliest names of the "
        "catalogue by beam search, on this machine only.",
    )
    seen: Literal["keep", "drop"] = Field(
        "keep", description="drop: items of the prompt are taken out of the list."
    )
    ranking: Literal["frequency", "first_appearance"] = Field(
        "frequency", description="Order of distinct names; first_appearance: the reference."
    )
    repeats: Literal["drop", "neighbours"] = Field(
        "drop",
        description="drop: a name counts once, and one that no item has becomes its nearest item, "
        "in its place (paper); neighbours: what repeats a name, and what no item has, becomes "
        "near items at the end of the list (reference).",
    )

    @property
    def constrained(self) -> bool:
        return self.decoding == "constrained"


class GenListParameters(TaskParameters):
    """GenList (study, §4.2): a whole list in one answer."""

    task: Literal["gen_list"] = "gen_list"
    lists: Name = Field(description="Run whose lists of training sessions are the answers.")

    @property
    def named_run(self) -> str | None:
        return self.lists


class ChoiceParameters(TaskParameters):
    """What tasks have whose answers choose from names that the prompt lists."""

    ASKING: ClassVar[frozenset[str]] = frozenset({"sampling", "last_line", "repeats"})

    last_line: Literal["keep", "drop"] = Field(
        "keep", description="A last line without a line break; drop: the reference."
    )
    repeats: Literal["closest", "farthest"] = Field(
        "closest",
        description="What a repeated choice becomes: the unused name most or least (reference) "
        "like it.",
    )


class ClassParameters(ChoiceParameters):
    """Class (study, §4.3): some of the items that stand for clusters of the catalogue."""

    task: Literal["class"] = "class"
    clusters: PositiveInt = 200
    nearest: Literal["items", "centres"] = Field(
        "items",
        description="The answer is the category items nearest to the true item (paper), or those "
        "of the nearest cluster centres (reference).",
    )


class RankParameters(ChoiceParameters):
    """Rank (study, §4.4): the list of another model in a better order."""

    task: Literal["rank"] = "rank"
    lists: Name = Field(description="Run whose lists are ordered, of training and test sessions.")

    @property
    def named_run(self) -> str | None:
        return self.lists


PromptTaskParameters = Annotated[
    GenItemParameters | GenListParameters | ClassParameters | RankParameters,
    Field(discriminator="task"),
]
