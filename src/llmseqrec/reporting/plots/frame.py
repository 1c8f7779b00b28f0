"""What figures share: their head, one that has nothing to show, and how models are told apart."""

from __future__ import annotations

from textwrap import fill
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from llmseqrec.reporting.leaderboard import Label
from llmseqrec.reporting.style import COLOURS, GREY, LINES, MARKERS, NAME_WIDTH, RC, new_figure

NAMED = len(MARKERS)  # models that lines tell apart; the others are drawn in grey
FILLS = ("full", "none", "left", "bottom")
POINTS = NAMED * len(FILLS)  # models that points tell apart


def head(figure: Figure, label: Label, details: str = "") -> None:
    """Title and, below it in small print, what was measured; the title keeps room for both.

    Args:
        figure: to write on.
        label: of the experiment.
        details: in place of the label's, where something else than its test set was asked.
    """
    figure.suptitle(f"{label.title}\n", x=0.01, ha="left", fontsize=11, fontweight="bold")
    top = 1 - 0.27 / figure.get_figheight()
    figure.text(0.01, top, details or label.details, va="top", fontsize=8, color="#555555")


def empty_figure(
    label: Label, text: str = "No model could run; the leaderboard tells why."
) -> Figure:
    """Says that there is nothing to show: a workflow in which nothing could run still ends well."""
    with mpl.rc_context(RC):
        figure = new_figure(8.6, 1.6)
        figure.text(0.01, 0.3, text)
        head(figure, label)
    return figure


def line_look(place: int) -> dict[str, Any]:
    """Colour, line and marker of the model at a place; they begin anew after NAMED."""
    place %= NAMED
    return {"color": COLOURS[place], "linestyle": LINES[place], "marker": MARKERS[place]}


def point_look(place: int) -> dict[str, Any]:
    """Marker and colour of the point of the model at a place; after POINTS they are all grey."""
    if place >= POINTS:
        return {"color": GREY, "linestyle": "none", "marker": ".", "zorder": 1}
    return line_look(place) | {"linestyle": "none", "fillstyle": FILLS[place // NAMED]}


def point_label(place: int, name: object) -> str:
    """What a legend says of it: the grey ones are named together, by the first of them."""
    if place < POINTS:
        return wrapped(name)
    return "other models" if place == POINTS else "_unnamed"


def panel_grid(figure: Figure, count: int, columns: int) -> NDArray[Any]:
    """(rows, columns) panels of common axes; those beyond the count are not shown."""
    columns = min(count, columns)
    panels: NDArray[Any] = figure.subplots(
        -(-count // columns), columns, sharex=True, sharey=True, squeeze=False
    )
    for axes in panels.flat[count:]:
        axes.set_visible(False)
    for axes in panels.flat[max(count - columns, 0) : count]:  # nothing is shown below them
        axes.xaxis.set_tick_params(labelbottom=True)
    return panels


def wrapped(name: object) -> str:
    """A model's name on lines that a legend has room for."""
    return fill(str(name), NAME_WIDTH)


def legend_beside(axes: Axes, **options: Any) -> None:
    """A legend to the right of the axes, so that it covers no data."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), handlelength=3.4, **options)
