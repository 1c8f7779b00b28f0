import numpy as np
import pandas as pd
import pytest

from llmseqrec.reporting.figures import accuracy_figure, popularity_figure
from llmseqrec.reporting.leaderboard import (
    Label,
    NotRun,
    RunResult,
    TieShuffles,
    build_leaderboard,
)
from llmseqrec.reporting.popularity import hit_rates, popularity_edges
from llmseqrec.reporting.style import save_figure

LABEL = Label("Sample", "temporal", "temporal", 300, "abcdef0123456789", [1], synthetic=True)


def scores(ndcg):
    return {"ndcg@20": ndcg, "hr@20": 2 * ndcg}


def board(models, published=None):
    results = [
        RunResult(
            f"A $ model with a rather long name & $ number {n}",
            [scores(0.01 + 0.002 * n)],
            {"ndcg@20": (0.008, 0.06), "hr@20": (0.015, 0.12)},
            TieShuffles([scores(0.01), scores(0.02)], refitted=True) if n % 2 else None,
        )
        for n in range(models)
    ]
    return build_leaderboard(results, LABEL, [NotRun("Paid", "no key")], published)


def assert_nothing_overlaps(figure):
    figure.draw_without_rendering()
    for axes in figure.axes:
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [label.get_window_extent() for label in labels if label.get_text()]
            assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])
    legend = figure.axes[0].get_legend()
    inner = [axes.bbox for axes in figure.axes]
    outer = [axes.get_tightbbox() for axes in figure.axes]
    details = figure.texts[-1].get_window_extent()
    assert not any(box.overlaps(details) for box in outer)
    assert legend is None or not any(box.overlaps(legend.get_window_extent()) for box in inner)
    for whole in figure.legends:
        assert not any(box.overlaps(whole.get_window_extent()) for box in outer)


@pytest.mark.parametrize("models", [1, 3, 20])
def test_accuracy_shows_every_model_that_ran_best_on_top(models):
    frame = board(models)
    figure = accuracy_figure(frame, LABEL)
    left = figure.axes[0]
    shown = [label.get_text().replace("\n", " ") for label in left.get_yticklabels()]
    assert shown == frame["model"][:models].tolist()
    assert left.get_ylim()[0] > left.get_ylim()[1]
    assert "synthetic data" in figure.get_suptitle()
    assert_nothing_overlaps(figure)


def test_published_values_and_ties_appear_only_where_there_are_any():
    def legend(frame):
        return [text.get_text() for text in accuracy_figure(frame, LABEL).legends[0].get_texts()]

    assert "published" not in legend(board(3))
    published = pd.DataFrame(scores(0.05) | {"note": ""}, index=pd.Index(["A"], name="model"))
    result = RunResult("a", [scores(0.04)], published_row="A")
    names = legend(build_leaderboard([result], LABEL, (), published))
    assert names == ["mean over seeds", "published"]


def test_bins_hold_about_equally_many_sessions_and_cover_all():
    counts = np.random.default_rng(0).zipf(1.4, 5000)
    rates = hit_rates({"a": np.ones(5000)}, counts)
    assert rates["sessions"].sum() == 5000
    assert (rates["lowest"].to_numpy()[1:] > rates["highest"].to_numpy()[:-1]).all()
    assert rates["lowest"].min() == counts.min()
    assert rates["highest"].max() == counts.max()
    even = hit_rates({"a": np.ones(600)}, np.arange(600))
    assert even["sessions"].tolist() == [100] * 6


def test_repeated_counts_give_fewer_bins():
    assert popularity_edges(np.array([3, 3, 3, 3]), 6).tolist() == [3]
    rates = hit_rates({"a": np.array([1.0, 0, 0, 0])}, np.array([3, 3, 3, 3]))
    assert rates["popularity"].tolist() == ["3"]
    assert rates["hit_rate"].tolist() == [0.25]


def test_wilson_intervals():
    # Wilson (1927) for 10 of 100 at 95 %.
    hits = np.r_[np.ones(10), np.zeros(90)]
    rates = hit_rates({"a": hits}, np.ones(100, dtype=int))
    assert rates["ci_low"][0] == pytest.approx(0.0552, abs=5e-5)
    assert rates["ci_high"][0] == pytest.approx(0.1744, abs=5e-5)


def test_sessions_that_were_not_evaluated_do_not_count():
    rates = hit_rates({"a": np.array([1.0, np.nan, 0.0])}, np.array([2, 2, 2]))
    assert rates["sessions"].tolist() == [2]
    assert rates["hit_rate"].tolist() == [0.5]


@pytest.mark.parametrize("models", [1, 8, 20])
def test_popularity_names_at_most_eight_models(models):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 500, 900)
    chance = rng.random(900)
    hits = {f"model {n}": chance < 0.04 * n for n in range(models)}
    figure = popularity_figure(hit_rates(hits, counts), LABEL, 20)
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[0] == f"model {models - 1}"
    assert len(names) == min(models, 9)
    assert ("other models" in names) == (models > 8)
    assert_nothing_overlaps(figure)


def test_figures_exist_even_if_nothing_ran(tmp_path):
    nothing = build_leaderboard([], LABEL, [NotRun("Paid", "no key")])
    save_figure(accuracy_figure(nothing, LABEL), tmp_path / "accuracy")
    save_figure(popularity_figure(hit_rates({}, np.array([1, 2])), LABEL, 20), tmp_path / "hits")
    assert len(list(tmp_path.iterdir())) == 4


def test_saved_files_are_equal_byte_for_byte_and_fonts_are_embedded(tmp_path):
    for name in ("first", "second"):
        save_figure(accuracy_figure(board(3), LABEL), tmp_path / name)
    for suffix in (".pdf", ".png"):
        first, second = (tmp_path / f"{name}{suffix}" for name in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    content = (tmp_path / "first.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"CreationDate" not in content
