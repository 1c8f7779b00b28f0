"""The leaderboards of all experiments as one table, and what they say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

from llmseqrec.reporting.cells import Cell, Column, present
from llmseqrec.reporting.layouts import leaderboard_layout
from llmseqrec.reporting.leaderboard import NOT_RUN, RAN
from llmseqrec.reporting.metric_names import headline, metric_header, metrics_in
from llmseqrec.reporting.page import PageCell, PageColumn, PageRow, html_table
from llmseqrec.reporting.report_content import Experiment


def board_table(experiments: Sequence[Experiment]) -> str:
    """One row a model and experiment; rows and cells carry what `board.js` filters by."""
    if not experiments:
        return "<p>There is no experiment.</p>"
    columns = _columns(experiments)
    rows = [row for experiment in experiments for row in _rows(experiment, columns)]
    return html_table([_head(column) for column in columns], rows)


def board_reading(experiments: Sequence[Experiment]) -> str:
    """How to read the table: the sentences that captions of leaderboards share."""
    merged = _merged(experiments)
    if merged.empty:
        return ""
    label = experiments[0].label
    return leaderboard_layout(merged, label).caption.partition(". ")[2]


def board_metrics(experiments: Sequence[Experiment]) -> list[str]:
    """Every metric that any leaderboard has."""
    return metrics_in(_merged(experiments))


def in_words(experiment: Experiment) -> list[str]:
    """The best models of an experiment, and how many could not run."""
    board = experiment.board
    ran = board[board["status"] == RAN]
    missing = int((board["status"] == NOT_RUN).sum())
    rest = [f"{_models(missing)} could not run here; the leaderboard says why."] if missing else []
    if ran.empty:
        return ["No model has run here.", *rest]
    metric = headline(metrics_in(board))
    first = f"{ran['model'].iloc[0]} ranks first of {_models(len(ran))}: {_score(ran, 0, metric)}"
    if len(ran) > 1:
        first += f"; {ran['model'].iloc[1]} is next with {_score(ran, 1, metric)}"
    return [f"{first}.", *rest]


def _models(count: int) -> str:
    return f"{count} model{'s' if count != 1 else ''}"


def _score(ran: pd.DataFrame, place: int, metric: str) -> str:
    """NDCG with its interval."""
    names = (metric, f"{metric}_ci_low", f"{metric}_ci_high")
    value, *bounds = (f"{ran[name].iloc[place]:.4f}" for name in names if name in ran)
    return f"{metric_header(metric)} {value}" + (f" [{', '.join(bounds)}]" if bounds else "")


def _merged(experiments: Sequence[Experiment]) -> pd.DataFrame:
    frames = [experiment.board for experiment in experiments]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _columns(experiments: Sequence[Experiment]) -> list[Column]:
    """The columns of the leaderboards, with dataset and split behind the model."""
    layout = leaderboard_layout(_merged(experiments), experiments[0].label)
    rank, model, *rest = layout.columns
    return [rank, model, Column("dataset", "Dataset"), Column("split", "Split"), *rest]


def _head(column: Column) -> PageColumn:
    metric, at, _ = column.name.partition("_")[0].partition("@")
    data = {"metric": column.name.partition("_")[0]} if at and metric else {}
    return PageColumn(column.header, column.numeric, data)


def _rows(experiment: Experiment, columns: Sequence[Column]) -> list[PageRow]:
    board = experiment.board.assign(split=experiment.label.split)
    anchors = {run.display: f"#{run.anchor}" for run in experiment.runs}
    data = {"dataset": experiment.label.shown, "split": experiment.label.split}
    return [
        PageRow(
            cells=[_cell(cell) for cell in cells],
            note=str(row["note"]),
            link=anchors.get(str(row["model"]), ""),
            data=data | {"status": str(row["status"])},
        )
        for cells, row in zip(present(board, columns), board.to_dict("records"), strict=True)
    ]


def _cell(cell: Cell) -> PageCell:
    return (cell.text, cell.detail, cell.emphasis, cell.value)


def options(texts: Sequence[str] | Mapping[str, str], everything: str) -> str:
    """Options of a select; the first one stands for all of them.

    Args:
        texts: values that are shown as they are, or what is shown by value.
        everything: text of the first.
    """
    pairs = texts.items() if isinstance(texts, Mapping) else [(text, text) for text in texts]
    shown = [f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in pairs]
    return "".join([f'<option value="">{escape(everything)}</option>', *shown])
