"""GenItem: the name of the next item, asked for several times (study, §4.1).

Deviations from the study's code:
    * The trained answer is the item's name, where the committed notebook writes its id.
    * An empty answer is no name; the notebook for GPT gives it the zero vector.
    * Equal similarities are ranked by item id; items without a name are nobody's neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llmseqrec.llm.cases import Case
from llmseqrec.llm.names import to_line
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.parameters import GenItemParameters
from llmseqrec.llm.resolve_names import SampleRules, resolve_samples
from llmseqrec.llm.tasks.base import PromptTask
from llmseqrec.llm.tasks.numbered import clean_names


class GenItem(PromptTask[GenItemParameters]):
    """One name an answer; the names of all answers together are ranked."""

    @property
    def answers(self) -> int:
        return self.parameters.samples

    @property
    def neighbours(self) -> int:
        return self.parameters.samples + self.parameters.k

    def answer(self, case: Case) -> str:
        """The name of the target.

        Raises:
            ValueError: the case has none.
        """
        if case.target is None:
            raise ValueError("a case without a target has no answer")
        return self.item_answer(case.target)

    def item_answer(self, item: int) -> str:
        """The answer that names an item; all of them are what a constrained model may say."""
        return self.template.answer.format(name=to_line(self.names[item]))

    def completions(self) -> list[str]:
        named = np.flatnonzero(self.names.named).tolist()
        return list(dict.fromkeys(self.item_answer(item) for item in named))

    def parse(self, answer: str) -> list[str]:
        """The answer's name, or nothing; what the template puts around a name is taken off."""
        before, after = self.template.answer_frame("name")
        text = answer.strip().removeprefix(before.strip()).removesuffix(after.strip())
        return clean_names([text])

    def resolve(self, case: Case, generated: Sequence[str], nearest: Nearest | None) -> list[int]:
        if nearest is None:
            raise ValueError("GenItem needs item vectors")
        own = self.parameters
        seen = set(case.items) if own.seen == "drop" else set()
        rules = SampleRules(own.ranking, own.repeats, own.k + len(seen))
        items = resolve_samples(generated, self.names.of(case.items), nearest, rules)
        return [item for item in items if item not in seen][: own.k]
