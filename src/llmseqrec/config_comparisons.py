"""Which runs are tested against which; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from llmseqrec.config_base import Name, Strict, one_of

# Metrics that are means over sessions, so that sessions can be paired.
PAIRED_METRICS = ("ndcg", "hr", "mrr", "seren", "novel")


class Comparisons(Strict):
    """Paired tests between runs; a list of pairs may stand for the whole section.

    The pairs of an experiment are one family: p-values are adjusted for their number.
    """

    pairs: list[tuple[Name, Name]] | None = Field(
        None,
        description="Pairs of runs. null: every run with a language model's item vectors against "
        "its plain form: of the runs without item vectors in the experiment that are of the same "
        "model (of sknn for sknn_emb) the one with the same params_from, of several the one "
        "beside a published row, then the first. Tuned runs stand against tuned ones alone. "
        "Controls have no pair, nor have models that need item vectors.",
    )
    metric: str | None = Field(
        None,
        description="The metric that statements are made of, such as hr@20; null: NDCG at the "
        "largest cut-off.",
    )

    @model_validator(mode="before")
    @classmethod
    def _pairs_alone(cls, content: Any) -> Any:
        if content is None:  # the key with nothing behind it
            return {}
        return {"pairs": content} if isinstance(content, list | tuple) else content

    @field_validator("pairs")
    @classmethod
    def _each_pair_once(cls, pairs: list[tuple[str, str]] | None) -> list[tuple[str, str]] | None:
        """What is tested twice, or against itself, would count in the adjustment of all others."""
        known: set[frozenset[str]] = set()
        for a, b in pairs or []:
            if a == b:
                raise ValueError(f"{a} stands against itself")
            if frozenset((a, b)) in known:
                raise ValueError(f"{a} and {b} are a pair already")
            known.add(frozenset((a, b)))
        return pairs

    def metric_at(self, cutoffs: list[int]) -> str:
        """The metric of the statements.

        Raises:
            ValueError: it is no mean over sessions, or its cut-off is not among `cutoffs`.
        """
        if self.metric is None:
            return f"ndcg@{max(cutoffs)}"
        known = [f"{name}@{k}" for name in PAIRED_METRICS for k in cutoffs]
        return one_of(self.metric, known, "comparisons.metric")
