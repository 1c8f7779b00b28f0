"""The report in a browser: it opens from disk, sorts, filters, inspects, and sends nothing."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.contracts import RECOMMENDATIONS, read_table, write_table
from llmseqrec.report import write_report
from tests.browser.chromium import Chromium, program
from tests.browser.made import make_results, make_shared

HOSTILE = "<script>window.taken = 1</script>"
ENDING = "</script><img src=x onerror='window.taken = 1'>"
TITLES = [HOSTILE, ENDING, "", *(f"Title {n}" for n in range(3, 60))]
RUNS = ["first_run", "second_run", "third_run"]

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium on this machine")


@dataclass(frozen=True)
class Made:
    folder: Path

    @property
    def page(self) -> Path:
        return self.folder / "results" / "report" / "index.html"


def made(root: Path, names: dict[str, list[str]], sessions: int, titles: list[str]) -> Made:
    specs = [make_results(root, name, runs, sessions, titles) for name, runs in names.items()]
    return written(root, specs)


def written(root: Path, specs: list[dict[str, Any]]) -> Made:
    files = make_shared(root, specs)
    here = Path.cwd()
    os.chdir(root)  # where the workflow runs
    try:
        settings = {"sessions": 5000, "seeds": [1]}
        write_report(
            specs, files, {"accuracy": "How *to* read it."}, settings, Path("results/report")
        )
    finally:
        os.chdir(here)
    return Made(root)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("report")
    return made(root, {"shop": RUNS, "films": RUNS[:2]}, 40, TITLES)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = program()
    assert executable is not None
    with Chromium(executable, tmp_path_factory.mktemp("profile")) as running:
        running.look(1400, 900)
        yield running


@pytest.fixture
def page(browser: Chromium, report: Made) -> Iterator[Chromium]:
    """The page, freshly opened; at the end nothing has complained, and nothing has left."""
    browser.open(report.page)
    yield browser
    here = report.page.parent.resolve().as_uri()
    assert browser.complaints == []
    assert [url for url in browser.requests if not url.startswith((here, "about:"))] == []
    assert browser.run("window.taken") is None


def models(page: Chromium) -> list[str]:
    return page.run(
        "[...document.querySelectorAll('#leaderboard tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.querySelector('.name span').textContent)"
    )


def column(page: Chromium, header: str) -> int:
    """Number of the column, from one, as CSS counts."""
    return 1 + page.run(
        "[...document.querySelectorAll('#leaderboard th')].findIndex("
        f"head => head.textContent === {header!r})"
    )


def status(page: Chromium) -> str:
    return page.run("document.getElementById('inspect-status').textContent")


def texts(page: Chromium, selector: str) -> list[str]:
    return page.run(f"[...document.querySelectorAll({selector!r})].map(each => each.textContent)")


def inspect(page: Chromium, dataset: str = "shop") -> None:
    """Scroll to the inspector, as a reader does, and wait until its sessions are there."""
    page.run("document.getElementById('inspector').scrollIntoView()")
    page.wait_for("!document.getElementById('inspect-view').hidden")
    if dataset != "shop":
        page.choose("#inspect-experiment", f"{dataset}.temporal")
        page.wait_for("document.querySelectorAll('.list').length === 2")


def test_opens_from_disk_with_its_figures(page: Chromium) -> None:
    assert page.run("document.title") == "llmseqrec report"
    page.run("document.getElementById('figures').scrollIntoView()")
    page.wait_for("[...document.images].every(image => image.complete && image.naturalWidth)")
    assert page.run("document.images.length") == 3
    assert len(page.requests) >= 4  # so that the list of requests means something


def test_sessions_are_read_when_a_reader_comes_to_them(page: Chromium) -> None:
    page.look(1400, 300)
    assert not [url for url in page.requests if url.endswith(".js")]
    inspect(page)
    page.look(1400, 900)
    assert [url.rpartition("/")[2] for url in page.requests if url.endswith(".js")] == [
        "shop.temporal.js"
    ]


def test_a_click_on_a_header_sorts(page: Chromium) -> None:
    page.choose("#board-dataset", "Shop (synthetic data)")
    in_order = ["First Run", "Second Run", "Third Run", "Paid <b>"]
    assert models(page) == in_order
    head = f"#leaderboard th:nth-child({column(page, 'NDCG@10')}) button"
    page.click(head)
    assert models(page) == in_order  # the highest first
    page.click(head)
    assert models(page) == ["Third Run", "Second Run", "First Run", "Paid <b>"]  # empty ones last
    page.click(f"#leaderboard th:nth-child({column(page, 'Model')}) button")
    assert models(page) == ["First Run", "Paid <b>", "Second Run", "Third Run"]


def test_filters_by_dataset_text_and_whether_it_ran(page: Chromium) -> None:
    assert len(models(page)) == 7
    page.choose("#board-dataset", "Films (synthetic data)")
    assert models(page) == ["First Run", "Second Run", "Paid <b>"]
    page.click("#board-ran")
    assert models(page) == ["First Run", "Second Run"]
    page.click("#board-ran")
    page.type("#board-text", "NO KEY")
    assert models(page) == ["Paid <b>"]  # the reason is part of the row
    assert texts(page, "#board-count") == ["1 of 7 rows"]


def test_filters_columns_by_metric(page: Chromium) -> None:
    shown = (
        "[...document.querySelectorAll('#leaderboard th')].filter(h => h.offsetWidth)"
        ".map(h => h.textContent)"
    )
    assert {"NDCG@20", "HR@10"} < set(page.run(shown))
    page.choose("#board-metric", "hr@10")
    assert page.run(shown) == ["#", "Model", "Dataset", "Split", "HR@10"]


def test_a_click_on_a_model_leads_to_its_settings(page: Chromium) -> None:
    page.click("#leaderboard tbody tr:nth-child(2) .name a")
    page.wait_for("document.getElementById('run-shop-temporal-second_run').open")
    text = page.run("document.getElementById('run-shop-temporal-second_run').innerText")
    for told in ("model: second_run", "dim: 64", "4b3f261fd291", "Wall time", "python 3.11"):
        assert told in text
    assert "</pre><script>" in text


def test_steps_through_sessions_by_mouse_and_keyboard(page: Chromium) -> None:
    inspect(page)
    assert status(page).startswith("Session 0: 1 of 40; hit by 3 of 3 runs")
    page.click("#inspect-next")
    assert status(page).startswith("Session 10: 2 of 40; hit by 0 of 3")
    page.press("ArrowRight")
    assert status(page).startswith("Session 20: 3 of 40")
    page.press("ArrowLeft")
    page.click("#inspect-previous")
    assert status(page).startswith("Session 0: 1 of 40")
    assert page.run("document.getElementById('inspect-previous').ariaDisabled") == "true"
    page.click("#inspect-previous")
    page.press("ArrowRight")  # which the button at the end of its way still hears
    assert status(page).startswith("Session 10: 2 of 40")


def test_hits_are_marked_at_their_rank(page: Chromium) -> None:
    inspect(page)
    target = texts(page, "#inspect-target")[0]
    assert texts(page, ".list h3 small") == [f"hit at rank {rank}" for rank in (1, 2, 3)]
    assert texts(page, ".list li.hit") == 3 * [f"✓ {target}"]
    assert page.run("document.querySelectorAll('.list li').length") == 30
    page.choose("#inspect-length", "20")
    assert page.run("document.querySelectorAll('.list li').length") == 60


def test_an_item_keeps_its_rank_where_a_list_has_holes(browser: Chromium, tmp_path: Path) -> None:
    spec = make_results(tmp_path, "shop", RUNS[:2], 12, TITLES)
    path = tmp_path / spec["runs"]["second_run"]["folders"][0] / "recommendations.test.parquet"
    lists = read_table(path, RECOMMENDATIONS)
    # As lists of another system whose repeats were removed; the target stands at rank 2.
    write_table(lists[~lists["rank"].isin([1, 4])], path, RECOMMENDATIONS)
    browser.open(written(tmp_path, [spec]).page)
    inspect(browser)
    target = texts(browser, "#inspect-target")[0]
    assert texts(browser, ".list:nth-child(2) li.hit") == [f"✓ {target}"]
    ranks = browser.run(
        "[...document.querySelectorAll('.list:nth-child(2) li')].map(each => each.value)"
    )
    assert ranks == [2, 3, 5, 6, 7, 8, 9, 10]


def test_shows_only_hits_or_misses_of_a_run(page: Chromium) -> None:
    inspect(page)
    page.choose("#inspect-filter", "hits")
    page.choose("#inspect-run", "Second Run")  # finds every third
    assert "1 of 14;" in status(page)
    page.click("#inspect-next")
    assert status(page).startswith("Session 30: 2 of 14")
    page.choose("#inspect-filter", "misses")
    assert "of 26;" in status(page)
    page.choose("#inspect-run", "")
    assert status(page).startswith("Session 10: 1 of 13")  # missed by all: n is 1 or 5 modulo 6


def test_finds_a_session_by_its_id_and_says_where_there_is_none(page: Chromium) -> None:
    inspect(page)
    page.choose("#inspect-filter", "hits")
    page.type("#inspect-session", "70")
    assert status(page).startswith("Session 70: 8 of 40")  # no hit: the filter gives way
    page.type("#inspect-session", "71")
    assert status(page) == "No session 71 in this file."


def test_markup_in_titles_is_text(page: Chromium) -> None:
    inspect(page)
    seen: set[str] = set()
    for _ in range(39):
        seen |= set(texts(page, "#inspect-view li"))
        page.click("#inspect-next")
    assert {HOSTILE, ENDING, "item 2 (no title)"} <= seen
    assert (
        page.run("document.querySelectorAll('#inspect-view script, #inspect-view img').length") == 0
    )


def test_another_dataset_is_read_when_it_is_chosen(page: Chromium) -> None:
    inspect(page, "films")
    assert texts(page, ".list h3")[0].startswith("First Run")
    assert "hit by 2 of 2 runs" in status(page)


def test_a_session_is_gone_as_soon_as_another_dataset_is_chosen(page: Chromium) -> None:
    inspect(page)
    page.run(
        "(() => { const asked = document.getElementById('inspect-experiment');"
        " asked.value = 'films.temporal'; asked.dispatchEvent(new Event('change'));"
        " window.seen = !document.getElementById('inspect-view').hidden; })()"
    )
    assert page.run("window.seen") is False
    page.wait_for("document.querySelectorAll('.list').length === 2")


def test_an_address_that_no_part_has_does_no_harm(browser: Chromium, report: Made) -> None:
    browser.open(report.page, "#%E0%A4%A")
    assert browser.complaints == []
    inspect(browser)


def test_its_policy_stops_what_does_not_belong_to_it(browser: Chromium, report: Made) -> None:
    browser.open(report.page)
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"taken=1\">')")
    refused = browser.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')")
    browser.wait_for("[...document.images].at(-1).complete")
    assert refused == "refused"
    assert browser.run("window.taken") is None
    assert any("Content Security Policy" in text for text in browser.complaints)


def test_nothing_is_wider_than_a_telephone(browser: Chromium, report: Made) -> None:
    browser.look(380, 800)
    browser.open(report.page)
    inspect(browser)
    assert browser.run("document.documentElement.scrollWidth") <= 380
    browser.look(1400, 900)


@pytest.mark.slow
def test_five_thousand_sessions_of_fifteen_runs(
    browser: Chromium, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    runs = [f"run_{number}" for number in range(15)]
    titles = [f"A title of some length, number {number}" for number in range(12_000)]
    big = made(tmp_path, {"big": runs}, 5000, titles)
    browser.open(big.page)
    begun = time.perf_counter()
    inspect(browser)
    record_property("seconds_until_shown", time.perf_counter() - begun)
    step = (
        "(() => { const begun = performance.now(); for (let n = 0; n < 50; n++) {"
        " document.getElementById('inspect-next').click(); document.body.offsetHeight; }"
        " return (performance.now() - begun) / 50; })()"
    )
    milliseconds = browser.run(step)
    size = (big.page.parent / "sessions" / "big.temporal.js").stat().st_size
    record_property("milliseconds_a_step", milliseconds)
    record_property("megabytes", size / 1e6)
    told = f"{milliseconds:.1f} ms a step, {size / 1e6:.1f} MB"
    logging.getLogger(__name__).info(told)
    assert status(browser).startswith("Session 500: 51 of 5,000")
