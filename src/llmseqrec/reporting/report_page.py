"""The report as one page that a browser opens from disk."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template

import pandas as pd

from llmseqrec.reporting.cells import present
from llmseqrec.reporting.costs import RULE, costs_layout
from llmseqrec.reporting.metric_names import metric_header
from llmseqrec.reporting.page import (
    PageColumn,
    PageRow,
    asset,
    html_list,
    html_table,
    in_script,
)
from llmseqrec.reporting.report_board import (
    board_metrics,
    board_reading,
    board_table,
    in_words,
    options,
)
from llmseqrec.reporting.report_content import (
    Content,
    Experiment,
    Figure,
    FileGroup,
    sessions_file,
)
from llmseqrec.reporting.report_runs import run_panel

TITLE = "llmseqrec report"
SECTIONS = ("Summary", "Leaderboard", "Inspector", "Figures", "Runs", "Costs", "Tables")
_ASSETS = Path(__file__).with_name("report_page_assets")
_LEAD = (
    "What the runs of one configuration scored, in the manner of Boz et al., Improving Sequential"
    " Recommendations with LLMs (2024). All numbers rank the full catalogue. Datasets called"
    " synthetic are generated: they show that the workflow works, and say nothing about people."
)
_INSPECTOR = (
    "Test sessions, what came next in each, and what every run recommends with its first seed; hits"
    " are marked. After a click on Next, the arrow keys step through the sessions too."
)


def report_html(content: Content) -> str:
    """The page. It needs the files that `content` names beside it, and no network.

    All tables can be read without scripts. The page's policy lets its own scripts run and no
    others, and lets nothing be sent: a title that got through as markup could do no harm.
    """
    script = "\n".join(["", asset("sorting.js"), *_scripts(), ""])
    experiments = content.experiments
    labels = [experiment.label for experiment in experiments]
    return Template(asset("report.html", _ASSETS)).substitute(
        title=TITLE,
        policy=_policy(script),
        style=f"{asset('base.css')}\n{asset('report.css', _ASSETS)}",
        lead=escape(_LEAD),
        navigation=" ".join(f'<a href="#{name.lower()}">{name}</a>' for name in SECTIONS),
        summary=_summary(content),
        reading=escape(board_reading(experiments)),
        datasets=options(_distinct([label.shown for label in labels]), "all"),
        splits=options(_distinct([label.split for label in labels]), "all"),
        metrics=options({m: metric_header(m) for m in board_metrics(experiments)}, "all"),
        leaderboard=board_table(experiments),
        inspector_notes=_inspector_notes(experiments),
        figures=_grouped(
            [
                *((e.title, _figures(e.figures)) for e in experiments),
                ("All datasets", _figures(content.figures)),
            ]
        ),
        runs="\n".join(run_panel(run, each.title) for each in experiments for run in each.runs),
        costs=_costs(content.costs),
        tables=_grouped(
            [
                *((e.title, _files(e.tables)) for e in experiments),
                ("All datasets", _files(content.tables)),
            ]
        ),
        index=_index(experiments),
        script=script,
    )


def _scripts() -> list[str]:
    return [asset(name, _ASSETS) for name in ("board.js", "inspector.js")]


def _policy(script: str) -> str:
    """What the page may do: show what lies beside it, run this script, and nothing else."""
    found = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline';"
        f" script-src 'self' file: 'sha256-{found}'; base-uri 'none'; form-action 'none'"
    )


def _distinct(texts: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _summary(content: Content) -> str:
    parts = []
    for experiment in content.experiments:
        parts.append(f"<h3>{escape(experiment.label.title)}</h3>")
        parts.append(f"<p><small>{escape(experiment.label.details)}</small></p>")
        parts += [f"<p>{escape(text)}</p>" for text in in_words(experiment)]
        parts += _statements(experiment)
    return "\n".join([*parts, f"<p>{escape(_total(content.costs))}</p>"])


def _statements(experiment: Experiment) -> list[str]:
    """What the comparisons support, and folded, what they do not."""
    claims = [str(each["text"]) for each in experiment.statements if each["supported"]]
    doubts = [str(each["text"]) for each in experiment.statements if not each["supported"]]
    shown = [html_list(claims)] if claims else []
    if doubts:
        head = f"<summary>{len(doubts)} without a difference that can be told</summary>"
        shown.append(f"<details>{head}{html_list(doubts)}</details>")
    return shown


def _total(costs: pd.DataFrame) -> str:
    """What all jobs took together, in words; what is unknown of all of them is left out."""
    rules = costs[costs["kind"] == RULE] if len(costs) else costs
    if rules.empty or rules["seconds"].isna().all():
        text = "What the jobs took was not measured"
    else:
        text = f"All jobs recorded here took {_duration(rules['seconds'].sum())} of wall time"
        if rules["cpu_seconds"].notna().any():
            text += f" and {_duration(rules['cpu_seconds'].sum())} of processor time"
        if rules["peak_mb"].notna().any():
            text += f"; no job needed more than {rules['peak_mb'].max():,.0f} MB of memory"
    return f"{text}.{_value(rules)}"


def _value(rules: pd.DataFrame) -> str:
    """A sentence on money, where services were used."""
    if rules.empty or rules["tokens"].isna().all():
        return ""
    usd = rules.loc[rules["tokens"].notna(), "usd"].sum(skipna=False)
    price = "unknown price" if pd.isna(usd) else f"{usd:.2f} USD"
    tokens = f"{rules['tokens'].sum():,.0f} tokens"
    return f" Value of the vectors and answers used: {tokens} ({price}); purchases can be shared."


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _inspector_notes(experiments: Sequence[Experiment]) -> str:
    notes = [f"{each.title}: {each.withheld}." for each in experiments if each.withheld]
    return f"<p>{escape(_INSPECTOR)}</p>{html_list(notes)}"


def _grouped(groups: Sequence[tuple[str, str]]) -> str:
    """Parts under their headings, less those that are empty."""
    shown = [f"<h3>{escape(title)}</h3>\n{part}" for title, part in groups if part]
    return "\n".join(shown) or "<p>There are none.</p>"


def _figures(figures: Sequence[Figure]) -> str:
    shown = []
    for figure in figures:
        title, links = escape(figure.title), _links(figure.files)
        picture = f'<img src="{escape(figure.files["png"])}" alt="{title}" loading="lazy">'
        caption = f"<strong>{title}</strong> {escape(figure.caption)} <span>{links}</span>"
        shown.append(f"<figure>{picture}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="figures">{"".join(shown)}</div>' if shown else ""


def _files(groups: Sequence[FileGroup]) -> str:
    items = [f"<li>{escape(group.title)}: {_links(group.files)}</li>" for group in groups]
    return f'<ul class="files">{"".join(items)}</ul>' if items else ""


def _links(files: Mapping[str, str]) -> str:
    return " ".join(f'<a href="{escape(path)}">{escape(kind)}</a>' for kind, path in files.items())


def _costs(costs: pd.DataFrame) -> str:
    """Runs and rules, each a table."""
    if costs.empty:
        return "<p>Nothing was measured.</p>"
    parts = [f"<p>{escape(costs_layout(costs).caption)}</p>"]
    for kind, rows in costs.groupby("kind", sort=False):
        layout = costs_layout(rows)
        columns = [column for column in layout.columns if column.name != "kind"]
        cells = present(rows, columns)
        table = html_table(
            [PageColumn(column.header, column.numeric) for column in columns],
            [
                PageRow([(c.text, c.detail, c.emphasis, c.value) for c in row], str(note or ""))
                for row, note in zip(cells, rows["note"].fillna(""), strict=True)
            ],
        )
        parts.append(f"<h3>Of every {kind}</h3>\n{table}")
    return "\n".join(parts)


def _index(experiments: Sequence[Experiment]) -> str:
    """What the inspector can be asked for, as JSON that cannot end its element."""
    found = [
        {"key": each.key, "title": each.title, "file": sessions_file(each.key)}
        for each in experiments
        if not each.withheld
    ]
    return in_script({"inspector": found})
