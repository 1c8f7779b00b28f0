"""The report without a browser: what it is made of, and what it keeps to itself."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from llmseqrec.config import parse_config
from llmseqrec.contracts import ITEMS, RECOMMENDATIONS, write_table
from llmseqrec.inspection import PROMPT_LENGTH, inspected_sessions, inspection_script
from llmseqrec.measurements import COLUMNS
from llmseqrec.plan import Plan
from llmseqrec.plan_costs import CostPlan
from llmseqrec.plan_report import ReportPlan
from llmseqrec.report import write_report
from llmseqrec.reporting.costs import build_costs
from llmseqrec.reporting.leaderboard import Label, NotRun, build_leaderboard
from llmseqrec.reporting.report_content import Content, Experiment, RunPanel
from llmseqrec.reporting.report_page import report_html
from llmseqrec.reporting.report_runs import run_panel
from llmseqrec.sessions import Prompts, Sessions
from tests.browser.made import make_results, make_shared
from tests.conftest import ROOT, tiny_content

TITLES = [f"<b>Title</b> & {n}" for n in range(40)]
SETTINGS = {"sessions": 5000, "seeds": [1]}


def written(root: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Path:
    """The folder of a report on one made experiment."""
    spec = make_results(root, "shop", ["first_run", "second_run"], 12, TITLES) | changes
    files = make_shared(root, [spec])
    monkeypatch.chdir(root)
    captions = {"accuracy": "How *to* read ``it``.\nOn two lines."}
    write_report([spec], files, captions, SETTINGS, Path("results/report"))
    return root / "results" / "report"


class Texts(HTMLParser):
    """Words outside of scripts and styles, and what the page refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_can_be_read_without_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = written(tmp_path, monkeypatch)
    text = Texts((report / "index.html").read_text()).text
    assert "First Run ranks first of 2 models: NDCG@20 0.1070 [0.0100, 0.2000]; Second Run" in text
    assert "1 model could not run here" in text
    assert "not run: no key & no money" in text
    assert "A is better than B <i>." in text
    assert "1 without a difference that can be told No difference can be told." in text
    assert "All jobs recorded here took 10 s of wall time" in text
    assert "How to read it. On two lines." in text


def test_a_run_of_which_nothing_was_measured_says_so() -> None:
    row = {"run": "A", "dataset": "Shop", "split": "temporal", "jobs": ["train_model/a"]}
    costs = build_costs(pd.DataFrame(columns=["rule", *COLUMNS], dtype=float), [row])
    seed = {"seed": 1, "metrics": {"ndcg@20": 0.1, "hr@20": 0.2}}
    text = Texts(run_panel(RunPanel("run-a", "A", seeds=[seed], costs=costs), "Shop")).text
    assert "Note no job of it was measured here" in text


def test_the_summary_leaves_out_what_is_unknown_and_tells_the_value_of_what_was_used() -> None:
    rule = {"kind": "rule", "name": "embed_items", "jobs": 1, "seconds": 0.4}
    timed = build_costs(pd.DataFrame(columns=[*COLUMNS, "rule"], dtype=float), [])
    timed = pd.concat([timed, pd.DataFrame([rule])])
    text = Texts(report_html(Content([], costs=timed))).text
    assert "All jobs recorded here took 0 s of wall time." in text
    assert "nan" not in text
    paid = timed.assign(seconds=np.nan, tokens=1200.0, usd=0.5)
    text = Texts(report_html(Content([], costs=paid))).text
    value = "Value of the vectors and answers used: 1,200 tokens (0.50 USD)"
    assert f"not measured. {value}; purchases can be shared." in text


def test_folders_of_this_machine_stay_on_it(tmp_path: Path) -> None:
    content = tiny_content(tmp_path)
    (tmp_path / "rows.csv").touch()
    lists = str(tmp_path / "lists.csv")
    external = {"display": "Theirs", "model": "external", "parameters": {"path": lists}}
    content["runs"]["theirs"] = external
    content["experiments"][0]["runs"].append("theirs")
    plan = Plan(parse_config(content), ROOT)
    where = SimpleNamespace(dataset="tiny", split="temporal")
    told = [
        ReportPlan(plan).experiments()[0]["runs"]["theirs"]["reason"],
        plan.leaderboard_runs(where)["theirs"]["reason"],
        next(row["reason"] for row in CostPlan(plan).rows() if "reason" in row),
    ]
    assert told == ["no file lists.csv"] * 3
    seed = {"run": external, "metrics": {"ndcg@20": 0.1, "hr@20": 0.2}}
    page = run_panel(RunPanel("run-a", "Theirs", seeds=[seed]), "Tiny")
    assert "path: lists.csv" in page
    assert str(tmp_path) not in page


def test_an_experiment_in_which_nothing_could_run() -> None:
    label = Label("Shop", "temporal", "temporal", 0, "", [1])
    board = build_leaderboard([], label, [NotRun("Paid", "no key")])
    runs = [RunPanel("run-paid", "Paid", "no key")]
    withheld = "no run could be done"
    experiment = Experiment("shop.temporal", label, board, runs=runs, withheld=withheld)
    text = Texts(report_html(Content([experiment]))).text
    assert "No model has run here." in text
    assert text.count("not run: no key") == 2  # leaderboard and panel


def test_everything_it_refers_to_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = written(tmp_path, monkeypatch)
    links = Texts((report / "index.html").read_text()).links
    files = [link for link in links if not link.startswith("#")]
    assert {"figures/search_history.mine.png", "tables/costs.csv"} < set(files)
    assert [link for link in files if not (report / link).is_file()] == []
    anchors = {link[1:] for link in links if link.startswith("#")}
    page = (report / "index.html").read_text()
    assert anchors <= set(re.findall(r'id="([^"]+)"', page))


def test_texts_of_the_data_are_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = written(tmp_path, monkeypatch)
    page = (report / "index.html").read_text()
    assert "<b>" not in page  # of the display name of a run
    assert "<i>" not in page  # of a statement
    assert page.count("</pre>") == 2  # one a run, though a parameter holds another
    assert page.count("</script>") == 2


def test_a_script_of_sessions_cannot_be_left_by_a_title() -> None:
    script = inspection_script("a.b", {"titles": ["</script><script>alert(1)</script>"]})
    assert "<" not in script
    found = re.fullmatch(r'inspectSessions\("a\.b", (.*)\);\n', script)
    assert found is not None
    assert orjson.loads(found[1]) == {"titles": ["</script><script>alert(1)</script>"]}


def test_withheld_sessions_leave_no_title_and_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = written(tmp_path, monkeypatch, inspector="the dataset is private")
    assert not (report / "sessions").exists()
    files = [path for path in report.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"Title" in path.read_bytes()] == []
    assert "the dataset is private" in Texts((report / "index.html").read_text()).text


def test_an_interrupted_report_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = written(tmp_path, monkeypatch)
    before = (report / "index.html").read_text()
    lists = tmp_path / "results/shop/temporal/full/second_run/seed1/recommendations.test.parquet"
    lists.write_bytes(b"no parquet")
    with pytest.raises(Exception, match=r"(?i)parquet"):
        write_report([made_spec()], [], {}, SETTINGS, Path("results/report"))
    assert (report / "index.html").read_text() == before
    assert [path.name for path in report.parent.iterdir() if path.name.startswith(".")] == []


def made_spec() -> dict[str, Any]:
    """What the report is told of results that `make_results` has made."""
    runs = {
        name: {"display": name, "folders": [f"results/shop/temporal/full/{name}/seed1"]}
        for name in ("first_run", "second_run")
    }
    label = {"display": "Shop", "synthetic": False, "protocol": "temporal"}
    named = {"dataset": "shop", "split": "temporal", "label": label, "runs": runs}
    statistics = "results/shop/temporal/statistics.json"
    return named | {"statistics": statistics, "compared": False, "inspector": None}


def planned(raw: Path, secret: bool, **report: Any) -> ReportPlan:
    (raw / "rows.csv").touch()
    content = tiny_content(raw)
    content["datasets"]["tiny"]["private"] = secret
    return ReportPlan(Plan(parse_config(content | {"report": report}), ROOT))


def test_sessions_of_private_datasets_stay_unless_asked_for(tmp_path: Path) -> None:
    public, private = planned(tmp_path, False), planned(tmp_path, True)
    assert public.experiments()[0]["inspector"] is None
    assert "private" in private.experiments()[0]["inspector"]
    titles = "results/tiny/items.parquet"
    assert titles in public.run_files
    assert titles not in private.run_files
    asked = planned(tmp_path, True, private=True)
    assert asked.experiments()[0]["inspector"] is None
    assert planned(tmp_path, False, sessions=0).experiments()[0]["inspector"] is not None


def decoded(text: str, size: int) -> list[int]:
    return np.frombuffer(base64.b64decode(text), dtype=f"<u{size}").tolist()


@pytest.fixture
def inspected(tmp_path: Path) -> dict[str, Any]:
    """Three of four sessions, whose ids do not ascend; one run has shorter lists and skips one."""
    titles = [*(f"t{n}" for n in range(69)), None]
    items = pd.DataFrame({"item_id": range(70), "source_id": map(str, range(70)), "title": titles})
    write_table(items, tmp_path / "items.parquet", ITEMS)
    prompts = Sessions(
        np.array([0, 2, 62, 63, 64]),
        np.array([7, 69, *range(60), 3, 4], dtype=np.int32),
        np.array([30, 10, 20, 90], dtype=np.int32),
    )
    Prompts(prompts, np.array([5, 6, 7, 8], dtype=np.int32)).save(tmp_path / "test")
    rows = {
        "long": [(10, 1, 6), (10, 2, 69), (20, 1, 7), (30, 1, 75), (90, 1, 1)],
        "short": [(10, 1, 60), (90, 1, 66)],
    }
    for name, found in rows.items():
        table = pd.DataFrame(found, columns=["session_id", "rank", "item_id"]).assign(score=1.0)
        write_table(table, tmp_path / f"{name}.parquet", RECOMMENDATIONS)
    runs = {name: tmp_path / f"{name}.parquet" for name in rows}
    return inspected_sessions(runs, tmp_path / "test", tmp_path / "items.parquet", 3)


def test_sessions_are_those_of_the_lowest_ids(inspected: dict[str, Any]) -> None:
    assert decoded(inspected["sessions"], 4) == [10, 20, 30]
    titles = inspected["titles"]
    targets = [titles[item] for item in decoded(inspected["targets"], inspected["bytes"])]
    assert targets == ["t6", "t7", "t5"]


def test_prompts_are_cut_to_their_end_and_their_length_is_told(inspected: dict[str, Any]) -> None:
    assert decoded(inspected["lengths"], 4) == [60, 1, 2]
    assert decoded(inspected["offsets"], 4) == [0, PROMPT_LENGTH, PROMPT_LENGTH + 1, 53]
    items = decoded(inspected["prompts"], inspected["bytes"])
    shown = [inspected["titles"][item] for item in items]
    assert shown[:2] == ["t10", "t11"]
    assert shown[PROMPT_LENGTH:] == ["t3", "t7", "item 69 (no title)"]


def test_lists_are_of_one_width_and_end_where_they_end(inspected: dict[str, Any]) -> None:
    titles = [*inspected["titles"], None]
    assert inspected["k"] == 2

    def named(run: str) -> list[str | None]:
        items = decoded(inspected["lists"][run], inspected["bytes"])
        return [titles[min(item, len(titles) - 1)] for item in items]

    # Item 75 is another system's: the catalogue lacks it.
    unknown = "item 75 (no title)"
    assert named("long") == ["t6", "item 69 (no title)", "t7", None, unknown, None]
    assert named("short") == ["t60", None, None, None, None, None]


def test_titles_are_those_that_occur_and_no_others(inspected: dict[str, Any]) -> None:
    assert "t66" not in inspected["titles"]  # of the fourth session's list
    assert len(inspected["titles"]) == len(set(inspected["titles"]))
