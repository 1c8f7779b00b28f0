import numpy as np
import pandas as pd
import pytest

from llmseqrec.reporting.leaderboard import (
    Label,
    NotRun,
    RunResult,
    TieShuffles,
    build_leaderboard,
)
from llmseqrec.reporting.plots.accuracy import accuracy_figure
from llmseqrec.reporting.plots.affinity import CHANCE, SESSIONS, affinity_figure, affinity_shares
from llmseqrec.reporting.plots.distributions import LENGTH as LENGTHS
from llmseqrec.reporting.plots.distributions import POPULARITY as RANKS
from llmseqrec.reporting.plots.distributions import distributions, distributions_figure
from llmseqrec.reporting.plots.rates import LENGTH, POPULARITY, bin_edges, hit_rates, rates_figure
from llmseqrec.reporting.plots.tradeoff import tradeoff, tradeoff_figure
from llmseqrec.reporting.plots.training import training_figure
from llmseqrec.reporting.style import save_drawing, save_figure
from llmseqrec.sessions import Sessions

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
    assert bin_edges(np.array([3, 3, 3, 3]), 6).tolist() == [3]
    rates = hit_rates({"a": np.array([1.0, 0, 0, 0])}, np.array([3, 3, 3, 3]))
    assert rates["range"].tolist() == ["3"]
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
def test_rates_name_at_most_eight_models(models):
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 500, 900)
    chance = rng.random(900)
    hits = {f"model {n}": chance < 0.04 * n for n in range(models)}
    figure = rates_figure(hit_rates(hits, counts), LABEL, 20, LENGTH)
    names = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names[0] == f"model {models - 1}"
    assert len(names) == min(models, 9)
    assert ("other models" in names) == (models > 8)
    assert_nothing_overlaps(figure)


def test_figures_exist_even_if_nothing_ran(tmp_path):
    nothing = build_leaderboard([], LABEL, [NotRun("Paid", "no key")])
    save_figure(accuracy_figure(nothing, LABEL), tmp_path / "accuracy")
    save_figure(
        rates_figure(hit_rates({}, np.array([1, 2])), LABEL, 20, POPULARITY), tmp_path / "hits"
    )
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


def sessions_of(*lists):
    offsets = np.cumsum([0, *map(len, lists)])
    return Sessions(offsets, np.concatenate(lists).astype(np.int32), np.arange(len(lists)))


def drawn_lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}


def test_distributions_rank_items_and_count_sessions_of_at_least_a_length():
    data = distributions({"all": sessions_of([5, 5, 5], [5, 2], [2], [9])})
    ranks = data[data["panel"] == RANKS]
    assert ranks[["x", "y"]].to_numpy().tolist() == [[1, 4], [2, 2], [3, 1]]
    lengths = data[data["panel"] == LENGTHS]
    assert lengths[["x", "y"]].to_numpy().tolist() == [[1, 1.0], [2, 0.5], [3, 0.25]]
    figure = distributions_figure(data, LABEL)
    assert drawn_lines(figure.axes[0])["all"] == [[1, 4], [2, 2], [3, 1]]
    assert drawn_lines(figure.axes[1])["all"] == [[1, 1.0], [2, 0.5], [3, 0.25]]
    assert_nothing_overlaps(figure)


def test_many_ranks_are_thinned_but_keep_their_ends():
    data = distributions({"all": sessions_of(np.repeat(np.arange(5000), 2))})
    ranks = data[data["panel"] == RANKS]
    assert len(ranks) <= 200
    assert ranks["x"].iloc[[0, -1]].tolist() == [1, 5000]


@pytest.mark.parametrize("models", [1, 32])
def test_tradeoff_draws_every_model_that_ran_and_no_other(models):
    beyond = {"catcov@20": 0.5, "seren@20": 0.02, "novel@20": 12.0}
    results = [RunResult(f"model {n}", [scores(0.01 * n) | beyond]) for n in range(models)]
    data = tradeoff(build_leaderboard(results, LABEL, [NotRun("Paid", "no key")]))
    assert data["model"].tolist() == [f"model {n}" for n in reversed(range(models))]
    figure = tradeoff_figure(data, LABEL)
    for axes, value in zip(figure.axes, beyond.values(), strict=True):
        found = drawn_lines(axes)
        assert found == {f"model {n}": [[value, 0.01 * n]] for n in range(models)}
    looks = {(point.get_marker(), point.get_fillstyle()) for point in figure.axes[0].get_lines()}
    assert len(looks) == models  # told apart in grey, too


def test_points_beyond_the_looks_are_grey_and_named_together():
    data = pd.DataFrame({"model": [f"model {n}" for n in range(40)]})
    data = data.assign(**{"ndcg@20": 0.1, "catcov@20": 0.1, "seren@20": 0.1, "novel@20": 9.0})
    figure = tradeoff_figure(data, LABEL)
    names = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert names == [*(f"model {n}" for n in range(32)), "other models"]


def test_training_curves_have_a_line_a_seed_and_mark_the_best_epoch():
    history = pd.DataFrame(
        [("A", 1, 1, 5.0, 0.1), ("A", 1, 2, 4.0, 0.3), ("A", 1, 3, 4.5, 0.2), ("B", 1, 1, 6, 0.0)],
        columns=["model", "seed", "epoch", "loss", "validation"],
    )
    again = history.assign(seed=2, loss=history["loss"] + 1)
    figure = training_figure(pd.concat([history, again]), LABEL)
    loss, validation = figure.axes
    assert [len(line.get_xdata()) for line in loss.get_lines()] == [3, 3, 1, 1]
    assert loss.get_lines()[1].get_ydata().tolist() == [6, 5, 5.5]
    assert {tuple(line.get_markevery()) for line in validation.get_lines()[:2]} == {(1,)}
    names = [text.get_text() for text in validation.get_legend().get_texts()]
    assert names == ["A", "B"]


def test_kept_metrics_get_a_panel_each():
    history = pd.DataFrame(
        [("A", 1, 1, 5.0, 0.1, 0.2, 0.3)],
        columns=["model", "seed", "epoch", "loss", "validation", "hr@10", "ndcg@10"],
    )
    titles = [axes.get_title(loc="left") for axes in training_figure(history, LABEL).axes]
    assert titles[2:] == ["HR@10 on validation sessions", "NDCG@10 on validation sessions"]


def test_runs_without_validation_have_their_loss_drawn():
    rows = [("A", 1, epoch, 5.0 - epoch, np.nan) for epoch in (1, 2)]
    columns = ["model", "seed", "epoch", "loss", "validation"]
    figure = training_figure(pd.DataFrame(rows, columns=columns), LABEL)
    assert figure.axes[0].get_lines()[0].get_ydata().tolist() == [4, 3]
    figure.draw_without_rendering()


def test_more_models_than_looks_are_grey_in_training_curves():
    rows = [(f"model {n}", 1, 1, 1.0, 0.1) for n in range(12)]
    columns = ["model", "seed", "epoch", "loss", "validation"]
    figure = training_figure(pd.DataFrame(rows, columns=columns), LABEL)
    names = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert names == [*(f"model {n}" for n in range(8)), "other models"]


def test_affinity_is_shared_out_over_common_bins():
    found = {"a": {SESSIONS: np.array([0.9, 0.8, np.nan]), CHANCE: np.array([0.1, 0.2, 0.3])}}
    data = affinity_shares(found)
    own, chance = (data[data["of"] == kind] for kind in (SESSIONS, CHANCE))
    assert own["share"].sum() == pytest.approx(1.0)
    assert own["low"].tolist() == chance["low"].tolist()
    assert (own["mean"].iloc[0], own["sessions"].iloc[0]) == (pytest.approx(0.85), 2)
    assert (data["low"].min(), data["high"].max()) == (0.1, 0.9)
    figure = affinity_figure(pd.concat([data.assign(embedding=f"e{n}") for n in range(4)]), LABEL)
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == ["e0", "e1", "e2", "e3"]
    assert_nothing_overlaps(affinity_figure(data, LABEL))


def test_what_is_drawn_lies_beside_the_figure_unrounded(tmp_path):
    data = hit_rates({"a": np.array([1.0, 0, 0])}, np.array([3, 3, 3]))
    save_drawing(rates_figure(data, LABEL, 20, LENGTH), data, tmp_path / "lengths")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".pdf", ".png"]
    assert pd.read_csv(tmp_path / "lengths.csv")["hit_rate"].tolist() == [1 / 3]
