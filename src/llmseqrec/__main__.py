"""Command line: `python -m llmseqrec show CONFIG` prints the leaderboards of a configuration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llmseqrec.config import Config, read_config
from llmseqrec.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="llmseqrec", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print leaderboards and where the report is")
    show.add_argument("config", type=Path)
    show.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(arguments)
    try:
        show_results(read_config(options.config), options.results)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def show_results(config: Config, results: Path) -> None:
    """Print every leaderboard that exists, and the paths of figures and report.

    Raises:
        InputError: there is no leaderboard yet.
    """
    pairs = dict.fromkeys((found.dataset, found.split) for found in config.chosen)
    boards = [results / "tables" / f"leaderboard.{dataset}.{split}.txt" for dataset, split in pairs]
    boards = [board for board in boards if board.is_file()]
    if not boards:
        raise InputError(f"{results / 'tables'}: no leaderboard yet; run snakemake first")
    for board in boards:
        print(board.read_text(encoding="utf-8"))
    if (results / "report.html").is_file():
        print(f"report   {results / 'report.html'}")
    print(f"tables   {results / 'tables'}")
    for dataset, split in pairs:
        for figure in sorted((results / "figures").glob(f"*.{dataset}.{split}.png")):
            print(f"figure   {figure}")


if __name__ == "__main__":
    sys.exit(main())
