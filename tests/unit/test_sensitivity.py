"""Shuffled ties: what is refitted, what is shared, and that a seed decides it."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from llmseqrec import sensitivity
from llmseqrec.config import Config
from llmseqrec.contracts import INTERACTIONS, read_table, write_table
from llmseqrec.resolve import ResolvedRun, resolve_run
from llmseqrec.runs import Identity, RunFiles, train_run
from llmseqrec.sensitivity import TieStudy, tie_sensitivity, tied_share
from tests.conftest import Tiny
from tests.unit.trained import files_of as files_in
from tests.unit.trained import run_of as run_on
from tests.unit.trained import with_components


def run_of(config: Config, name: str) -> ResolvedRun:
    return resolve_run(config, "tiny", name, Path("config/published"))


def study_of(tiny: Tiny, shuffles: int = 4) -> TieStudy:
    return TieStudy(tiny.folder, tiny.dataset.splits["temporal"], shuffles, [1, 5])


def files_of(tiny: Tiny) -> RunFiles:
    return RunFiles(tiny.folder / "items.parquet", tiny.folder / "temporal" / "full" / "train")


def test_shuffles_differ_and_a_seed_repeats_them(tiny: Tiny) -> None:
    run, files, study = run_of(tiny.config, "v_sknn"), files_of(tiny), study_of(tiny)
    found = tie_sensitivity(run, files, study, Identity(1))
    assert found["refitted"] is True
    assert found["tied_share"] == 1.0  # every day of a session holds two interactions
    assert len(found["metrics"]) == 4
    assert len({tuple(metrics.values()) for metrics in found["metrics"]}) > 1
    assert found == tie_sensitivity(run, files, study, Identity(1))
    assert found != tie_sensitivity(run, files, study, Identity(2))


def test_more_shuffles_begin_with_the_same_ones(tiny: Tiny) -> None:
    run, files = run_of(tiny.config, "v_sknn"), files_of(tiny)
    few = tie_sensitivity(run, files, study_of(tiny, 2), Identity(1))
    many = tie_sensitivity(run, files, study_of(tiny, 3), Identity(1))
    assert many["metrics"][:2] == few["metrics"]


def test_a_slow_fit_keeps_the_fitted_model(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, files = run_of(tiny.config, "most_popular"), files_of(tiny)
    train_run(run, files, Identity(1), tmp_path)
    monkeypatch.setattr(sensitivity, "REFIT_BELOW_SECONDS", -1.0)
    fitted = replace(files, model=tmp_path / "model" / "model.safetensors")
    found = tie_sensitivity(run, fitted, study_of(tiny), Identity(1))
    assert found["refitted"] is False
    monkeypatch.undo()
    # The counts of MostPopular do not depend on the order, so both ways agree.
    assert found["metrics"] == tie_sensitivity(run, files, study_of(tiny), Identity(1))["metrics"]


def test_without_ties_nothing_changes(tiny: Tiny, tmp_path: Path) -> None:
    for name in ("items", "sessions"):
        (tmp_path / f"{name}.parquet").write_bytes((tiny.folder / f"{name}.parquet").read_bytes())
    frame = read_table(tiny.folder / "interactions.parquet", INTERACTIONS)
    frame["timestamp"] = frame["timestamp"] + frame["position"]
    write_table(frame, tmp_path / "interactions.parquet", INTERACTIONS)
    study = replace(study_of(tiny), folder=tmp_path)
    found = tie_sensitivity(run_of(tiny.config, "v_sknn"), files_of(tiny), study, Identity(1))
    assert found["tied_share"] == 0.0
    assert all(metrics == found["metrics"][0] for metrics in found["metrics"])


def test_what_a_run_combines_is_fitted_anew_with_it(tiny: Tiny, tmp_path: Path) -> None:
    files = files_in(tiny, tmp_path)
    run = run_on("blend", weights=[1, 0], exclude_seen=False)
    combined = tie_sensitivity(run, with_components(run, files), study_of(tiny), Identity(1))
    alone = tie_sensitivity(run_on("sknn"), files, study_of(tiny), Identity(1))
    assert combined == alone
    assert combined["refitted"]


def test_tied_share_counts_interactions_in_ties() -> None:
    frame = pd.DataFrame({"session_id": [0, 0, 0, 1], "timestamp": [5, 5, 6, 5]})
    assert tied_share(frame) == 0.5
