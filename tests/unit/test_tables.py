import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from llmseqrec.reporting.cells import Column, Layout
from llmseqrec.reporting.layouts import (
    comparison_layout,
    leaderboard_layout,
    statistics_layout,
    statistics_table,
)
from llmseqrec.reporting.leaderboard import (
    Label,
    NotRun,
    RunResult,
    TieShuffles,
    build_leaderboard,
)
from llmseqrec.reporting.tables import to_html, to_latex, to_markdown, write_tables

LABEL = Label("50 % A_B & #1", "temporal", "temporal", 300, "abcdef0123456789", [1], True)
METRICS = ("ndcg", "hr", "mrr", "catcov", "seren", "novel")


@pytest.fixture
def board():
    rng = np.random.default_rng(0)
    names = ["Sim & Pop_1", "100 % {x} \\ ~^$", "a|b *c* <i>", "plain"]
    results = [
        RunResult(
            name,
            [{f"{m}@{k}": rng.random() for m in METRICS for k in (10, 20)} for _ in range(2)],
            {"ndcg@20": (0.1, 0.2)},
        )
        for name in names
    ]
    frame = build_leaderboard(results, LABEL, [NotRun("Paid", "needs KEY_A & 5 %")])
    return frame, leaderboard_layout(frame, LABEL)


def small(values, **options):
    models = [chr(ord("a") + place % 26) for place in range(len(values))]
    frame = pd.DataFrame({"model": models, "value": values})
    columns = [Column("model", "Model"), Column("value", "Value", **options)]
    return frame, Layout("Title", "Caption", columns)


def rows_of(markdown):
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in markdown.splitlines() if line[:1] == "|"]


def test_best_is_bold_and_runner_up_underlined_as_printed():
    frame, layout = small([0.12344, 0.12341, 0.1, 0.05], decimals=4, ranked=True)
    cells = [row[1].strip() for row in rows_of(to_markdown(frame, layout))[2:]]
    assert cells == ["**0.1234**", "**0.1234**", "<u>0.1000</u>", "0.0500"]


def test_nothing_is_marked_where_all_are_equal_or_missing():
    frame, layout = small([0.5, 0.5, np.nan], decimals=2, ranked=True)
    cells = [row[1].strip() for row in rows_of(to_markdown(frame, layout))[2:]]
    assert cells == ["0.50", "0.50", ""]


def test_percentages_and_thousands():
    frame, layout = small([0.1234, -0.05], decimals=1, percent=True)
    assert "+12.3 %" in to_markdown(frame, layout)
    assert "-5.0 %" in to_markdown(frame, layout)
    frame, layout = small([144143], decimals=0)
    assert "144,143" in to_markdown(frame, layout)


def test_markdown_rows_have_equal_numbers_of_cells(board):
    frame, layout = board
    markdown = to_markdown(frame, layout)
    rows = rows_of(markdown)
    assert {len(row) for row in rows} == {len(layout.columns) + 1}
    assert len(rows) == len(frame) + 2
    assert "&lt;i>" in markdown


def test_decimals_follow_the_metric(board):
    _, layout = board
    decimals = {column.name: column.decimals for column in layout.columns}
    assert [decimals[f"{m}@20"] for m in METRICS] == [4, 4, 4, 3, 4, 2]


def test_latex_is_balanced_and_escaped(board):
    frame, layout = board
    tex = to_latex(frame, layout)
    assert tex.count(r"\begin{") == tex.count(r"\end{")
    bare = re.sub(r"\\[\\{}&%_#$]", "", tex)
    assert bare.count("{") == bare.count("}")
    for line in bare.splitlines():
        if r"\resizebox" not in line and not line.startswith("%"):
            assert not re.search(r"[%#_]", line), line
    for tabular in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", tex, re.S):
        lines = [line for line in tabular[1].splitlines() if line.endswith(r"\\")]
        cells = {len(re.split(r"(?<!\\)&", line)) for line in lines}
        assert cells == {len(tabular[0])}


def test_latex_sets_many_rows_as_several_tables_of_one_number():
    frame, layout = small(np.arange(100) / 128, decimals=3, ranked=True)
    tex = to_latex(frame, layout)
    pages = tex.split(r"\begin{table*}")[1:]
    assert len(pages) == 3
    rows = [re.findall(r"(0\.\d{3})\}? \\\\", page) for page in pages]
    assert [value for page in rows for value in page] == [f"{n / 128:.3f}" for n in range(100)]
    assert max(map(len, rows)) - min(map(len, rows)) <= 1
    assert tex.count(r"\textbf{") == 1  # best of all rows, not of each page
    assert [r"\addtocounter{table}{-1}" in page for page in pages] == [False, True, True]


def test_latex_tells_a_note_on_the_pages_that_refer_to_it():
    frame, layout = small(np.arange(50) / 64, decimals=2)
    frame["why"] = [""] * 49 + ["no key"]
    first, last = to_latex(frame, replace(layout, note="why")).split(r"\begin{table*}")[1:]
    assert "no key" not in first
    assert "no key" in last


@pytest.fixture
def latex_log(tmp_path):
    """Compiles a frame's table as a paper would; what LaTeX says."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")

    def compiled(frame, layout):
        write_tables(frame, layout, tmp_path / "board")
        (tmp_path / "paper.tex").write_text(
            r"\documentclass{article}\usepackage{booktabs,graphicx}"
            r"\begin{document}\input{board.tex}\end{document}"
        )
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
        return done.stdout

    return compiled


def test_latex_compiles(latex_log, board):
    assert "Output written on paper.pdf" in latex_log(*board)


def test_latex_of_many_rows_fits_its_pages(latex_log, board):
    frame, layout = board
    many = pd.concat([frame] * 12, ignore_index=True)
    assert "Float too large" not in latex_log(many, layout)
    frame, layout = small(np.arange(200) / 256, decimals=3)
    assert "Float too large" not in latex_log(frame, layout)


class Page(HTMLParser):
    """Collects what a reader and a browser would see."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.keys, self.texts = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag == "td":
            self.keys.append(found["data-value"])

    def handle_data(self, data):
        self.texts.append(data)


def test_html_page_stands_alone_and_keeps_full_precision(board):
    frame, layout = board
    page = Page()
    html = to_html(frame, layout)
    page.feed(html)
    assert page.links == []
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert page.tags.count("td") == len(frame) * len(layout.columns)
    assert repr(float(frame["ndcg@20"][0])) in page.keys
    assert "a|b *c* <i>" in page.texts
    assert "not run: needs KEY_A & 5 %" in page.texts
    assert any("synthetic data" in text for text in page.texts)


def test_four_files_are_written_and_nothing_else(tmp_path, board):
    paths = write_tables(*board, tmp_path / "tables" / "leaderboard.beauty.temporal")
    assert sorted(path.name for path in paths) == sorted(
        path.name for path in (tmp_path / "tables").iterdir()
    )
    assert {path.suffix for path in paths} == {".csv", ".md", ".tex", ".html"}


def test_statistics_as_in_the_study():
    row = {"dataset": "Beauty", "sessions": 22363, "items": 12101, "interactions": 198502}
    frame = statistics_table([row, row | {"dataset": "Other", "classes": 220}])
    markdown = to_markdown(frame, statistics_layout(frame, {"Private": "needs raw_dir"}))
    assert "| Beauty | 22,363 | 12,101 |  | 198,502 | 8.9 | 0.073 |" in markdown
    assert "Private (not run: needs raw_dir)" in markdown
    assert len(statistics_table([])) == 0


def test_comparisons_show_interval_and_p():
    frame = pd.DataFrame(
        [["ndcg@20", "a", "b", 0.01, 0.005, 0.015, 0.0012, 0.0024]],
        columns=["metric", "run_a", "run_b", "difference", "ci_low", "ci_high", "p", "p_adjusted"],
    )
    markdown = to_markdown(frame, comparison_layout(LABEL))
    assert "| ndcg@20 | a | b | 0.0100 [0.0050, 0.0150] | 0.0012 | 0.0024 |" in markdown


def test_statements_stand_above_the_comparisons():
    statement = "A <i> is better than B_1 by .0100 [.0050, .0150] NDCG@20, p < .001."
    frame = pd.DataFrame({"metric": [], "run_a": []})
    layout = comparison_layout(LABEL, [statement, "No difference."])
    markdown, page = to_markdown(frame, layout), to_html(frame, layout)
    assert "\n- A &lt;i> is better than B_1 by .0100" in markdown
    assert markdown.index("- No difference.") < markdown.index("| Metric")
    assert "<li>A &lt;i&gt; is better than B_1" in page
    assert page.index("<li>No difference.</li>") < page.index("<table")
    assert "<ul>" not in to_html(frame, comparison_layout(LABEL))


def test_shuffled_ties_are_shown_as_a_band():
    ties = TieShuffles([{"ndcg@20": 0.05, "hr@20": 0.1}, {"ndcg@20": 0.06, "hr@20": 0.1}], True)
    results = [RunResult("A", [{"ndcg@20": 0.0525, "hr@20": 0.1}], ties=ties)]
    frame = build_leaderboard(results, LABEL)
    markdown = to_markdown(frame, leaderboard_layout(frame, LABEL))
    assert "0.0550 ± 0.0071 [0.0500, 0.0600]" in markdown
