"""What is said of a paired comparison, and what is not."""

import pandas as pd
import pytest

from llmseqrec.reporting.statements import make_statements, tie_spread

DISPLAYS = {"llm": "LLM2SASRec", "plain": "SASRec", "sim": "LLMSeqSim"}


def row(**changes: object) -> dict[str, object]:
    return {
        "metric": "ndcg@20",
        "run_a": "llm",
        "run_b": "plain",
        "difference": 0.01372,
        "ci_low": 0.01041,
        "ci_high": 0.01729,
        "levels": "seeds+sessions",
        "p": 0.0001,
        "p_adjusted": 0.0004,
    } | changes


def test_a_supported_difference_is_stated_with_interval_and_p() -> None:
    table = pd.DataFrame([row(), row(run_a="sim"), row(metric="hr@20")])
    first = make_statements(table, "ndcg@20", DISPLAYS, {})[0]
    assert first["text"] == (
        "LLM2SASRec is better than SASRec by .0137 [.0104, .0173] NDCG@20, p < .001 "
        "(Holm, 2 comparisons)."
    )
    assert first | {"text": ""} == {
        "text": "",
        "a": "llm",
        "b": "plain",
        "metric": "ndcg@20",
        "difference": 0.01372,
        "low": 0.01041,
        "high": 0.01729,
        "p": 0.0004,
        "comparisons": 2,
        "levels": "seeds+sessions",
        "supported": True,
        "within_ties": None,
    }


def test_a_loss_is_stated_as_one() -> None:
    table = pd.DataFrame([row(difference=-0.02, ci_low=-0.03, ci_high=-0.01, p_adjusted=0.0121)])
    (found,) = make_statements(table, "ndcg@20", DISPLAYS, {})
    assert found["text"] == (
        "LLM2SASRec is worse than SASRec by .0200 [.0100, .0300] NDCG@20, p = .012 "
        "(Holm, 1 comparison)."
    )
    assert found["difference"] == -0.02


@pytest.mark.parametrize("changes", [{"p_adjusted": 0.05}, {"ci_low": -0.0001}, {"ci_low": 0.0}])
def test_a_statement_is_withheld_unless_test_and_interval_support_it(
    changes: dict[str, object],
) -> None:
    (found,) = make_statements(pd.DataFrame([row(**changes)]), "ndcg@20", DISPLAYS, {})
    assert not found["supported"]
    beginning = "No difference can be told between LLM2SASRec and SASRec: .0137"
    assert found["text"].startswith(beginning)


def test_a_difference_within_the_band_of_ties_says_so() -> None:
    table = pd.DataFrame([row()])
    (within,) = make_statements(table, "ndcg@20", DISPLAYS, {"llm": 0.01, "plain": 0.0152})
    assert within["within_ties"]
    assert within["text"].endswith(
        "(Holm, 1 comparison). Another order of tied interactions moves a run by as much (.0152)."
    )
    (beyond,) = make_statements(table, "ndcg@20", DISPLAYS, {"llm": 0.01})
    assert beyond["within_ties"] is False
    assert beyond["text"].endswith("comparison).")


def test_what_one_seed_leaves_out_is_said_of_runs_that_use_chance() -> None:
    table = pd.DataFrame([row(), row(run_a="sim", run_b="other"), row(run_a="sim", ci_low=-0.1)])
    displays = DISPLAYS | {"other": "Other"}
    found = make_statements(table, "ndcg@20", displays, {}, ["llm", "plain"])
    ends = [
        each["text"].endswith(" (one seed: chance of training is not counted)") for each in found
    ]
    assert ends == [True, False, True]


@pytest.mark.parametrize(
    ("p", "printed"),
    [(0.0496, ".0496"), (0.04996, ".04996"), (0.0504, ".0504"), (0.05, ".050"), (0.0494, ".049")],
)
def test_p_is_never_printed_as_the_threshold_that_it_is_not(p: float, printed: str) -> None:
    (found,) = make_statements(pd.DataFrame([row(p_adjusted=p)]), "ndcg@20", DISPLAYS, {})
    assert f" p = {printed} (Holm" in found["text"]


def test_novelty_is_higher_and_not_better() -> None:
    table = pd.DataFrame([row(metric="novel@20", difference=1.5, ci_low=1.25, ci_high=2.0)])
    (found,) = make_statements(table, "novel@20", DISPLAYS, {})
    assert "is higher than SASRec by 1.5000 [1.2500, 2.0000] Novelty@20" in found["text"]


def test_no_comparisons_no_statements() -> None:
    assert make_statements(pd.DataFrame(columns=["metric"]), "ndcg@20", DISPLAYS, {}) == []


def test_the_band_of_ties_reaches_from_the_lowest_to_the_highest_shuffle() -> None:
    shuffles = [{"ndcg@20": value} for value in (0.05, 0.06, 0.055)]
    assert tie_spread(shuffles, "ndcg@20") == pytest.approx(0.01)
