"""Command line: plan, show leaderboards, predict with a saved run, look after paid vectors."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from llmseqrec.config import Config, Services, read_config
from llmseqrec.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand; 0 if all is well, 1 after a problem, which one line on stderr names."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    try:
        options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, a file that may not be read
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The arguments of every subcommand."""
    parser = argparse.ArgumentParser(prog="llmseqrec", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print leaderboards and where the report is")
    show.add_argument("config", type=Path)
    show.add_argument("--results", type=Path, default=Path("results"))
    show.set_defaults(command=lambda o: show_results(read_config(o.config), o.results))
    asked = commands.add_parser("predict", help="recommend for the sessions of a csv file")
    asked.add_argument("run", type=Path, help="folder of a run, the one with run.json")
    asked.add_argument("sessions", type=Path, help="csv: session_id,item_id[,timestamp]")
    asked.add_argument("-k", type=int, default=20, help="length of the lists (%(default)s)")
    asked.add_argument("--output", default="-", help="csv file; -: standard output (%(default)s)")
    asked.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    asked.set_defaults(command=predict_sessions)
    planned = commands.add_parser("plan", help="print what a configuration will cost and send")
    planned.add_argument("config", type=Path)
    planned.add_argument("--results", type=Path, default=Path("results"))
    planned.add_argument("--benchmarks", type=Path, default=Path("logs/benchmark"))
    planned.set_defaults(command=print_plan)
    _add_cache(commands.add_parser("cache", help="look after the vectors that were paid for"))
    return parser


def _add_cache(cache: argparse.ArgumentParser) -> None:
    """The subcommands of `cache`."""
    known = Services()
    cache.add_argument("--path", type=Path, default=known.cache, help="%(default)s")
    cache.add_argument("--completions", type=Path, default=known.completions, help="%(default)s")
    commands = cache.add_subparsers(required=True, metavar="COMMAND", dest="action")
    commands.add_parser("stats", help="what it holds, and that of answers, by model")
    commands.add_parser("verify", help="check every vector and every answer")
    for name, text in (
        ("export", "write vectors, texts and prices into a file to share"),
        ("prune", "delete the vectors of a provider or model"),
    ):
        chosen = commands.add_parser(name, help=text)
        if name == "export":
            chosen.add_argument("file", type=Path)
        chosen.add_argument("--provider")
        chosen.add_argument("--model")
    commands.add_parser("import", help="take over a shared file").add_argument("file", type=Path)
    cache.set_defaults(command=use_cache)


def print_plan(options: argparse.Namespace) -> None:
    """Print money, uploads, hours, memory, and what cannot be run."""
    from llmseqrec import forecast
    from llmseqrec.plan import Plan

    config = read_config(options.config)
    plan = Plan(config, Path.cwd())
    for line in forecast.money_lines(config, options.results):
        print(line)
    for line in forecast.machine_lines(plan, options.benchmarks):
        print(line)
    for line in forecast.not_run_lines(plan):
        print(line)


def use_cache(options: argparse.Namespace) -> None:
    """One of the subcommands of `cache`.

    Raises:
        InputError: there is no cache, or something is wrong with it.
    """
    from llmseqrec.services import cache_files, completion_files

    path = options.path
    choice = cache_files.Choice(getattr(options, "provider", None), getattr(options, "model", None))
    if options.action == "stats":
        answers = list(completion_files.answer_lines(options.completions))
        summaries = [] if answers and not path.is_file() else cache_files.summaries(path)
        for line in [*map(cache_files.describe, summaries), *answers]:
            print(line)
    elif options.action == "verify":
        _verify(path, options.completions)
    elif options.action == "export":
        count = cache_files.export_vectors(path, options.file, choice)
        print(f"{options.file}: {count:,} vectors")
    elif options.action == "import":
        print(f"{path}: {cache_files.import_vectors(path, options.file):,} vectors are new")
    else:
        print(f"{path}: {cache_files.prune(path, choice):,} vectors deleted")


def _verify(vectors: Path, answers: Path) -> None:
    """Check the caches that there are.

    Raises:
        InputError: something is wrong with one, or there is none.
    """
    from llmseqrec.services import cache_files
    from llmseqrec.services.completion_files import answer_problems

    checks = [(vectors, "vectors", cache_files.problems)]
    if answers.is_file():
        checks = [*checks[: vectors.is_file()], (answers, "answers", answer_problems)]
    for path, what, problems in checks:
        found = problems(path)
        for problem in found:
            print(problem)
        if found:
            raise InputError(f"{path}: {len(found)} problems")
        print(f"{path}: all {what} are what they should be")


def predict_sessions(options: argparse.Namespace) -> None:
    """Write the lists of a saved run for a file of sessions."""
    from llmseqrec.predict import predict_file

    target = sys.stdout.buffer if options.output == "-" else Path(options.output)
    predict_file(options.run, options.sessions, target, options.k, options.device)


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
    report = results / "report" / "index.html"
    if report.is_file():
        print(f"report   {report}  (open it in a browser)")
    print(f"tables   {results / 'tables'}")
    for dataset, split in pairs:
        for figure in sorted((results / "figures").glob(f"*.{dataset}.{split}.png")):
            print(f"figure   {figure}")


if __name__ == "__main__":
    sys.exit(main())
