"""How much time a reproduction may take; to be imported from `llmseqrec.config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

BudgetName = Literal["quick", "overnight", "paper"]

# Values of keys that the configuration leaves out: of its top level, and of each search. `paper`
# has the study's search (§7.1.4), and as many seeds as its code trains to keep the best of.
BUDGETS: dict[BudgetName, tuple[dict[str, Any], dict[str, Any]]] = {
    "quick": (
        {"seeds": [1], "tie_shuffles": 5},
        {"trials": 20, "patience": None, "hours": 1},
    ),
    "overnight": (
        {"seeds": [1, 2, 3], "tie_shuffles": 20},
        {"trials": 150, "patience": 50, "hours": 8},
    ),
    "paper": (
        {"seeds": [1, 2, 3, 4, 5], "tie_shuffles": 20},
        {"trials": 500, "patience": 100, "hours": 72},
    ),
}
BUDGET_DESCRIPTION = (
    "Values of keys that are not given; a given key wins. "
    + " ".join(
        f"{name}: {', '.join(f'{key} {value}' for key, value in [*top.items(), *search.items()])}."
        for name, (top, search) in BUDGETS.items()
    ).replace("None", "null")
    + " trials, patience and hours are those of each search. null: the defaults of each key."
)


def too_long(least: BudgetName | None, budget: BudgetName | None) -> str | None:
    """Why a run of a longer budget is not done under this one, or None.

    Args:
        least: the smallest budget that does the run; None: every one.
        budget: of the configuration; None does every run.
    """
    order = list(BUDGETS)
    if least is None or budget is None or order.index(budget) >= order.index(least):
        return None
    return f"takes too long for budget: {budget}; {least} has it"


def with_budget(content: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with what its budget says of the keys that it leaves out.

    Args:
        content: before it is checked; an unknown budget adds nothing, and is refused later.
    """
    name: Any = content.get("budget")
    if not isinstance(name, str) or name not in BUDGETS:
        return dict(content)
    top, of_search = BUDGETS[name]
    searches = content.get("searches")
    if isinstance(searches, Mapping):
        joined = {key: _joined(of_search, search) for key, search in searches.items()}
        top = top | {"searches": joined}
        content = {key: value for key, value in content.items() if key != "searches"}
    return top | dict(content)


def _joined(defaults: Mapping[str, Any], search: Any) -> Any:
    return {**defaults, **search} if isinstance(search, Mapping) else search
