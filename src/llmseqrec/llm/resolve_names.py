"""Generated names to items: the one of exactly that name, or the nearest ones by vector.

Source: study, §4.1, §4.2 and §7.3.3, and its code (notebooks predict_gpt).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmseqrec.llm.names import Names
from llmseqrec.llm.nearest import Nearest


@dataclass(frozen=True)
class SampleRules:
    """How repeated samples become a list.

    Attributes:
        ranking: order of distinct names; equal frequencies in order of first appearance.
        repeats: whether repetitions and unknown names become neighbours at the end of the list.
        k: length of the list.
    """

    ranking: Literal["frequency", "first_appearance"]
    repeats: Literal["drop", "neighbours"]
    k: int


@dataclass(frozen=True)
class NameReport:
    """What was generated (study, Table 7).

    Attributes:
        generated: names of all answers.
        distinct: names that differ within their session, summed over sessions.
        hallucinated: generated names that no item has.
        similarity: mean dot product of these with their nearest item; None without any, or
            without vectors.
    """

    generated: int
    distinct: int
    hallucinated: int
    similarity: float | None

    @property
    def hallucinated_share(self) -> float | None:
        """Share of generated names that no item has; None where nothing was generated."""
        return self.hallucinated / self.generated if self.generated else None


def resolve_samples(
    samples: Sequence[str], prompt: Sequence[str], nearest: Nearest, rules: SampleRules
) -> list[int]:
    """The list of one prompt out of repeated samples (GenItem).

    Args:
        samples: names in the order in which they were generated, with repetitions.
        prompt: names of the prompt's items: no neighbour has one of these.
        nearest: of the catalogue.
        rules: ranking, repeats and k.
    """
    counts = Counter(samples)
    ranked = counts.most_common() if rules.ranking == "frequency" else list(counts.items())
    if rules.repeats == "neighbours":
        return _with_neighbours(ranked, prompt, nearest, rules.k)
    items = [_item_of(name, nearest) for name, _ in ranked]
    return list(dict.fromkeys(item for item in items if item is not None))[: rules.k]


def resolve_list(generated: Sequence[str], nearest: Nearest, k: int) -> list[int]:
    """The list of one prompt out of a generated list (GenList): order kept, repeats dropped.

    A name that no item has becomes its nearest item that is not in the list otherwise.
    """
    exact = [nearest.names.find(name) for name in generated]
    used = {item for item in exact if item is not None}
    items: list[int] = []
    for name, item in zip(generated, exact, strict=True):
        if item is None:
            item = next((near for near in nearest[name].items if near not in used), None)
        if item is not None:
            used.add(item)
            items.append(item)
    return list(dict.fromkeys(items))[:k]


def report_names(
    generated: Sequence[Sequence[str]], names: Names, nearest: Nearest | None
) -> NameReport:
    """What the models of a run generated.

    Args:
        generated: names of each session, with repetitions.
        names: of the catalogue.
        nearest: for the similarity.
    """
    unknown = [name for session in generated for name in session if names.find(name) is None]
    similarity = None
    if unknown and nearest is not None:
        nearest.prepare(unknown)
        similarity = sum(nearest[name].similarity for name in unknown) / len(unknown)
    distinct = sum(len(set(session)) for session in generated)
    return NameReport(sum(map(len, generated)), distinct, len(unknown), similarity)


def _item_of(name: str, nearest: Nearest) -> int | None:
    """The item of this name, or the nearest one; None in an empty catalogue."""
    item = nearest.names.find(name)
    return item if item is not None else next(iter(nearest[name].items), None)


def _with_neighbours(
    counts: list[tuple[str, int]], prompt: Sequence[str], nearest: Nearest, k: int
) -> list[int]:
    """Known names first, then near items in place of repeats and unknown names (study code)."""
    names = nearest.names
    barred = {*prompt, *(name for name, _ in counts)}
    known: list[int] = []
    replacements: list[int] = []
    for name, count in counts:
        item = names.find(name)
        missing = count - (item is not None)
        if missing:
            near = nearest[name].items[: count + k]
            near = [other for other in near if names[other] not in barred][:missing]
            replacements += near
            barred |= set(names.of(near))
        if item is not None:
            known.append(item)
    return (known + replacements)[:k]
