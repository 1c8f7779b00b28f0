"""What every prompt task offers: it writes prompts and answers, reads answers and finds items.

Adding a task is one file here, one parameter class, one template file and a line in `TASKS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from llmseqrec.errors import InputError
from llmseqrec.llm.cases import Case
from llmseqrec.llm.categories import Categories
from llmseqrec.llm.names import Names, to_line
from llmseqrec.llm.nearest import Nearest
from llmseqrec.llm.parameters import TaskParameters
from llmseqrec.llm.prompts import Example, Prompt, Tokenize
from llmseqrec.llm.templates import Template

P = TypeVar("P", bound=TaskParameters)


@dataclass(frozen=True)
class TaskInputs:
    """What tasks are built of, besides their parameters.

    Attributes:
        names: of the catalogue.
        template: texts in the chosen style.
        lists: items of each session's list, best first; for GenList and Rank.
        categories: items that stand for clusters; for Class.
        seed: of the order in which candidates are shown.
    """

    names: Names
    template: Template
    lists: Mapping[int, Sequence[int]] = field(default_factory=dict)
    categories: Categories | None = None
    seed: int = 0


class PromptTask(ABC, Generic[P]):
    """One of the study's tasks.

    Reading an answer never fails: a malformed one gives fewer names.
    """

    def __init__(self, parameters: P, inputs: TaskInputs) -> None:
        self.parameters = parameters
        self.inputs = inputs
        self.names = inputs.names
        self.template = inputs.template

    @property
    def answers(self) -> int:
        """Answers to ask for a prompt."""
        return 1

    @property
    def neighbours(self) -> int:
        """Nearest items that `resolve` looks at for a name; 0 where it needs no vectors."""
        return 0

    @abstractmethod
    def answer(self, case: Case) -> str:
        """The answer to train, of a case that `can_train`."""

    @abstractmethod
    def parse(self, answer: str) -> list[str]:
        """Names in an answer, in its order; catalogue names or not."""

    @abstractmethod
    def resolve(self, case: Case, generated: Sequence[str], nearest: Nearest | None) -> list[int]:
        """Distinct items, best first, at most k, for the names of all answers of a case.

        Args:
            case: the prompt that was answered.
            generated: names as `parse` gives them, answer after answer.
            nearest: of at least the depth `neighbours`, None where that is 0; names are looked up
                faster when `nearest.prepare` has seen those of all cases.
        """

    def completions(self) -> list[str]:
        """Every answer there can be, each once; none where they cannot be listed."""
        return []

    def prompt(self, case: Case) -> Prompt:
        """The question; cut to the last items of the session where it is too long."""
        made = self._write(case, case.items)
        limit = self.parameters.prompt_characters
        if limit is not None and len(made.text) > limit:
            return self._write(case, case.items[-self.parameters.last_items :])
        return made

    def can_train(self, case: Case) -> bool:
        """Whether the case has all that its answer needs."""
        return case.target is not None

    def example(self, case: Case) -> Example:
        """Question and answer of a training case."""
        return Example(self.prompt(case), self.answer(case))

    def trainable(self, cases: Iterable[Case], tokenize: Tokenize | None = None) -> list[Case]:
        """The cases that can be trained on and keep the token limit.

        Args:
            cases: with targets.
            tokenize: text to tokens, of the model that will be trained; None: no limit.
        """
        limit = self.parameters.cases.token_limit
        kept = [case for case in cases if self.can_train(case)]
        if tokenize is None or limit is None:
            return kept
        return [case for case in kept if self.example(case).count_tokens(tokenize) <= limit]

    def candidates(self, case: Case) -> list[int]:
        """Items among which an answer chooses, in the order in which they are shown."""
        return []

    def _write(self, case: Case, items: Sequence[int]) -> Prompt:
        template, k = self.template, self.parameters.k
        lines = [
            template.item.format(name=self._line(item), number=number)
            for number, item in enumerate(items, start=1)
        ]
        candidates = "\n".join(map(self._line, self.candidates(case)))
        user = template.user.format(items="\n".join(lines), candidates=candidates, k=k)
        chat = self.parameters.style == "chat"
        return Prompt(template.system.format(k=k), user, template.glue, chat, template.stop)

    def _line(self, item: int) -> str:
        return to_line(self.names[item] or self.template.unnamed)

    def _list_of(self, case: Case) -> list[int]:
        """The session's list, without items that have no name.

        Raises:
            InputError: there is none.
        """
        if case.session_id not in self.inputs.lists:
            raise InputError(
                f"session {case.session_id}: the run named by `lists` has no list for it"
            )
        return [item for item in self.inputs.lists[case.session_id] if self.names[item]]

    def _has_named_list(self, case: Case) -> bool:
        """Whether there is a list, and all of it has names (study code: else no case)."""
        items = self.inputs.lists.get(case.session_id, ())
        return len(items) > 0 and all(self.names[item] for item in items)


def with_target_first(items: Sequence[int], target: int | None, k: int) -> list[int]:
    """A list with the target put first: moved there, or in place of the last of k items."""
    if target is None:
        raise ValueError("a case without a target has no answer")
    return [target, *(item for item in items if item != target)][:k]


def shuffled(items: Sequence[int], seed: int, session_id: int) -> list[int]:
    """Items in an order that the seed and the session decide, whatever was drawn before."""
    order = np.random.default_rng([seed, session_id]).permutation(len(items))
    return [items[position] for position in order]
