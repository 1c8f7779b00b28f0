"""The report's folder: gathered from results, written as a page and the files beside it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.contracts import atomic_folder, read_json, write_text
from llmseqrec.inspection import inspected_sessions, inspection_script
from llmseqrec.reporting.costs import RUN, read_costs
from llmseqrec.reporting.leaderboard import read_leaderboard
from llmseqrec.reporting.report_content import (
    Content,
    Experiment,
    Figure,
    FileGroup,
    RunPanel,
    sessions_file,
)
from llmseqrec.reporting.report_page import report_html
from llmseqrec.summary import label_of

TABLES, FIGURES = Path("results/tables"), Path("results/figures")
_FORMATS = {".csv", ".md", ".tex", ".html", ".pdf", ".png"}


def write_report(
    experiments: Sequence[Mapping[str, Any]],
    files: Iterable[str],
    captions: Mapping[str, str],
    settings: Mapping[str, Any],
    target: Path,
) -> None:
    """Write index.html with its tables, figures and sessions into a folder of their own.

    Args:
        experiments: as `ReportPlan.experiments` gives them.
        files: of tables and figures, of which the folder gets copies.
        captions: reStructuredText by the first part of a figure's name.
        settings: `sessions`, how many the inspector gets, and `seeds`.
        target: the folder; it is replaced at once when all is there.
    """
    groups = _groups(files)
    costs = read_costs(TABLES / "costs.csv")
    keys = [f"{each['dataset']}.{each['split']}" for each in experiments]
    content = Content(
        [_experiment(each, groups, captions, settings, costs) for each in experiments],
        _figures(groups, None, keys, captions),
        _tables(groups, None, keys),
        costs,
    )
    with atomic_folder(target) as folder:
        for paths in groups.values():
            for path in paths:
                _copy(path, folder / path.parent.name)
        for each in experiments:
            _write_sessions(each, settings["sessions"], folder)
        write_text(report_html(content), folder / "index.html")


def _groups(files: Iterable[str]) -> dict[tuple[str, str], list[Path]]:
    """Files of one table or figure, by folder and name."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in map(Path, files):
        if path.suffix in _FORMATS:
            groups.setdefault((path.parent.name, path.stem), []).append(path)
    return groups


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    shutil.copyfile(path, folder / path.name)


def _experiment(
    spec: Mapping[str, Any],
    groups: Mapping[tuple[str, str], list[Path]],
    captions: Mapping[str, str],
    settings: Mapping[str, Any],
    costs: pd.DataFrame,
) -> Experiment:
    key = f"{spec['dataset']}.{spec['split']}"
    statements = TABLES / f"statements.{key}.json"
    return Experiment(
        key=key,
        label=label_of(spec["label"], spec["split"], spec["statistics"], settings["seeds"]),
        board=read_leaderboard(TABLES / f"leaderboard.{key}.csv"),
        statements=read_json(statements) if spec["compared"] else (),
        figures=_figures(groups, key, [], captions),
        tables=_tables(groups, key, []),
        runs=[
            _panel(key, name, run, _costs_of(costs, spec, run))
            for name, run in spec["runs"].items()
        ],
        withheld=spec["inspector"],
    )


def _costs_of(costs: pd.DataFrame, spec: Mapping[str, Any], run: Mapping[str, Any]) -> pd.DataFrame:
    names = {"kind": RUN, "name": run["display"]}  # no two datasets have one display
    names |= {"dataset": spec["label"]["display"], "split": spec["split"]}
    return costs[(costs[list(names)] == pd.Series(names)).all(axis=1)]


def _panel(key: str, name: str, run: Mapping[str, Any], costs: pd.DataFrame) -> RunPanel:
    seeds = []
    for folder in map(Path, run.get("folders", ())):
        metrics = read_json(folder / "metrics.test.json")["metrics"]
        seeds.append(read_json(folder / "run.json") | {"metrics": metrics})
    anchor = f"run-{key.replace('.', '-')}-{name}"
    return RunPanel(anchor, run["display"], run.get("reason"), seeds, costs)


def _write_sessions(spec: Mapping[str, Any], count: int, folder: Path) -> None:
    """The inspector's file of an experiment, unless its sessions are withheld."""
    if spec["inspector"]:
        return
    home, key = Path("results") / spec["dataset"], f"{spec['dataset']}.{spec['split']}"
    runs = {
        run["display"]: Path(run["folders"][0]) / "recommendations.test.parquet"
        for run in spec["runs"].values()
        if "folders" in run
    }
    prompts = home / spec["split"] / "full" / "test"
    found = inspected_sessions(runs, prompts, home / "items.parquet", count)
    write_text(inspection_script(key, found), folder / sessions_file(key))


def _chosen(
    groups: Mapping[tuple[str, str], list[Path]], folder: str, key: str | None, keys: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Paths seen from the page, by name and format, of an experiment or of none of `keys`."""
    found = {}
    for (place, stem), paths in groups.items():
        name = stem.removesuffix(f".{key}") if key else stem
        belongs = name != stem if key else not stem.endswith(tuple(f".{each}" for each in keys))
        if place == folder and belongs:
            found[name] = {path.suffix[1:]: f"{folder}/{path.name}" for path in paths}
    return found


def _figures(
    groups: Mapping[tuple[str, str], list[Path]],
    key: str | None,
    keys: Sequence[str],
    captions: Mapping[str, str],
) -> list[Figure]:
    return [
        Figure(_words(name), _plain(captions.get(name.partition(".")[0], "")), files)
        for name, files in _chosen(groups, FIGURES.name, key, keys).items()
        if "png" in files
    ]


def _tables(
    groups: Mapping[tuple[str, str], list[Path]], key: str | None, keys: Sequence[str]
) -> list[FileGroup]:
    found = _chosen(groups, TABLES.name, key, keys)
    return [FileGroup(_words(name), files) for name, files in found.items()]


def _words(name: str) -> str:
    """The name of a file as a title."""
    text = name.replace("_", " ").replace(".", ": ")
    return text[:1].upper() + text[1:]


def _plain(text: str) -> str:
    """reStructuredText of captions without its marks."""
    return re.sub(r"(\*{1,2}|`{1,2})(\S.*?)\1", r"\2", " ".join(text.split()))
