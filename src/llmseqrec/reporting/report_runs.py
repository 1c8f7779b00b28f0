"""Panels of runs: settings, seeds, fingerprints, cost."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import yaml

from llmseqrec.reporting.cells import present
from llmseqrec.reporting.costs import costs_layout
from llmseqrec.reporting.metric_names import headline, metric_header, metric_order
from llmseqrec.reporting.page import PageCell, PageColumn, PageRow, html_table
from llmseqrec.reporting.report_content import RunPanel
from llmseqrec.shown_paths import without_folders

# Keys of run.json and what readers see above them; hashes are cut.
_FINGERPRINTS = {
    "config_hash": "Configuration",
    "code": "Code",
    "model_code": "Code of the model",
    "data_hash": "Data",
    "catalogue_sha256": "Items",
    "vectors_sha256": "Item vectors",
    "device": "Device",
}
_SHOWN = 12


def run_panel(run: RunPanel, title: str) -> str:
    """A part that unfolds.

    Args:
        run: what is known of it.
        title: dataset and split.
    """
    head = f"<summary>{escape(run.display)} <small>{escape(title)}</small></summary>"
    body = _not_run(run.reason) if run.reason else _known(run)
    return f'<details class="run" id="{escape(run.anchor)}">{head}\n{body}\n</details>'


def definitions(pairs: Mapping[str, str]) -> str:
    """A list of names and what they stand for."""
    items = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items()]
    return f"<dl>{''.join(items)}</dl>" if items else ""


def _not_run(reason: str) -> str:
    return f"<p>not run: {escape(' '.join(reason.split()))}</p>"


def _known(run: RunPanel) -> str:
    if not run.seeds:
        return "<p>Nothing is known of it.</p>"
    facts = run.seeds[0]
    settings = yaml.safe_dump(
        without_folders(facts.get("run", {})), sort_keys=False, allow_unicode=True, width=88
    )
    versions = ", ".join(f"{name} {found}" for name, found in facts.get("versions", {}).items())
    parts = [
        definitions(_costs(run.costs) | ({"Versions": versions} if versions else {})),
        _seeds(run),
        "<h3>Resolved configuration</h3>",
        f'<pre tabindex="0">{escape(settings)}</pre>',
    ]
    return "\n".join(parts)


def _costs(costs: pd.DataFrame) -> dict[str, str]:
    """Cost and time of the run, by the headers of the table; then the note on them."""
    if costs.empty:
        return {}
    columns = [column for column in costs_layout(costs).columns if column.numeric]
    # A row without columns would be no row at all: nothing of the run may have been measured.
    cells = present(costs, columns)[0] if columns else []
    found = {column.header: cell.text for column, cell in zip(columns, cells, strict=True)}
    note = costs["note"].fillna("").iloc[0]
    return found | ({"Note": str(note)} if note else {})


def _seeds(run: RunPanel) -> str:
    """A table of the seeds: score and fingerprints of each."""
    metrics = metric_order(run.seeds[0]["metrics"])
    scores = [headline(metrics), headline(metrics, "hr")]
    known = {key: text for key, text in _FINGERPRINTS.items() if run.seeds[0].get(key)}
    columns = [PageColumn("Seed")] + [PageColumn(metric_header(name), True) for name in scores]
    columns += [PageColumn(text) for text in known.values()]
    rows = [PageRow(_seed(seed, scores, known)) for seed in run.seeds]
    return html_table(columns, rows)


def _seed(seed: Mapping[str, Any], scores: list[str], known: Mapping[str, str]) -> list[PageCell]:
    values = [float(seed["metrics"][name]) for name in scores]
    cells: list[PageCell] = [(str(seed.get("seed", "")), "", "", None)]
    cells += [(f"{value:.4f}", "", "", value) for value in values]
    return cells + [(str(seed.get(key) or "")[:_SHOWN], "", "", None) for key in known]
