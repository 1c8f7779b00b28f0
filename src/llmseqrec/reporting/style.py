"""One look for all figures: readable by the colour-blind, in grey and in print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from llmseqrec.contracts import atomic_path, write_text

# Okabe and Ito (2008), ordered so that neighbours also differ in lightness.
COLOURS = (
    "#0072b2",  # blue
    "#e69f00",  # orange
    "#000000",  # black
    "#56b4e9",  # sky blue
    "#d55e00",  # vermilion
    "#009e73",  # green
    "#cc79a7",  # purple
    "#8c8c00",  # olive, in place of the set's yellow, which is too light for lines
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", (0, (3, 1, 1, 1)), (0, (5, 1)), ":", (0, (1, 1)), (0, (5, 3, 1, 3)))
GREY = "#9a9a9a"
# Characters of a model's name on one line of a figure.
NAME_WIDTH = 30

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 5.5,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    # Fonts as TrueType: publishers refuse Type 3, and text stays selectable.
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches; use inside `with mpl.rc_context(RC)`."""
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, stem: Path | str) -> list[Path]:
    """Write `{stem}.pdf` and `{stem}.png`; the same figure gives the same bytes.

    Returns:
        Both paths.
    """
    # Without these entries the files would carry the time and the library's version.
    silent: dict[str, dict[str, str | None]] = {
        ".pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        ".png": {"Software": None},
    }
    paths = []
    for suffix, metadata in silent.items():
        path = Path(f"{stem}{suffix}")
        with mpl.rc_context(RC), atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=metadata)
        paths.append(path)
    return paths


def save_drawing(figure: Figure, data: pd.DataFrame, stem: Path | str) -> None:
    """Write `{stem}.pdf`, `{stem}.png` and `{stem}.csv`, which holds what is drawn, unrounded."""
    save_figure(figure, stem)
    write_text(data.to_csv(index=False), f"{stem}.csv")
