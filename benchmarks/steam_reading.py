"""Reading Steam reviews: lines a second and peak memory, beside `ast.literal_eval`.

Both run on one core, so processor time is compared: other work on the machine disturbs it less.
Run with `python benchmarks/steam_reading.py`. Real reviews of `steam_reviews_v1_dated.json.gz`,
which have no text, are repeated with new user names and made-up texts into a temporary file; the
production reader reads it in a process of its own. The real files are read where
`LLMSEQREC_REAL_DATA` points (default: ../shared/data/real).
"""

import argparse
import ast
import gzip
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.config import Dataset, LeaveOneOut  # noqa: E402
from llmseqrec.data import steam  # noqa: E402
from llmseqrec.data.lines import read_blocks  # noqa: E402
from llmseqrec.data.literal import LiteralFields, decode  # noqa: E402
from llmseqrec.data.raw import RawSource  # noqa: E402

TARGET = 6.0  # times faster than ast.literal_eval
MEMORY = 2.0  # GiB
SAMPLE = 20_000  # lines ast.literal_eval is timed on, before and after
WORDS = ("game", "the", "and", "fun", "story", "multiplayer", "ten hours", "recommend", "boring")
ODDITIES = (
    "it's", 'he said "no"', "isn't \"good\"", "\n", "\n\n", "'product_id': '1'", "10/10", "\\",
    "{u'username': u'nobody', 'date': '2001-01-01'}", "¯\\_(ツ)_/¯", "☐ Yes ☑ No", "C:\\new", "\t",
)  # fmt: skip


def main(lines: int = 7_800_000, check_lines: int | None = 200_000) -> None:
    """Write the file, read it, compare, record the case.

    Args:
        lines: lines of the file.
        check_lines: lines compared with `ast.literal_eval`, from the start; None: all.
    """
    folder = Path(os.environ.get("LLMSEQREC_REAL_DATA", ROOT.parent / "shared" / "data" / "real"))
    folder = folder / "steam"
    if not folder.is_dir():
        print(f"steam_reading: not run: {folder} is absent")
        return
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "steam_reviews.json"
        write_lines(folder, path, lines)
        size = path.stat().st_size
        print(f"{lines:,} lines, {size / 2**30:.2f} GiB, {size / lines:.0f} bytes a line")
        before = time_literal_eval(path)
        ours = read_in_child(folder, path)
        plain = (before + time_literal_eval(path)) / 2
        checked, different = compare(path, check_lines)
    print(f"{ours['rows']:,} rows, peak memory {ours['peak_gib']:.2f} GiB (limit {MEMORY})")
    print(f"{different} of {checked:,} lines differ from ast.literal_eval")
    seconds = ours["seconds"] / lines
    met = plain / seconds >= TARGET and ours["peak_gib"] <= MEMORY and not different
    record(
        {
            "name": "steam_reading",
            "ours": 1 / seconds,
            "baseline": 1 / plain,
            "unit": "lines/s of processor time",
            "ratio": plain / seconds,
            "target": TARGET,
            "met": met,
            "lines": lines,
            "wall_seconds": ours["wall_seconds"],
            "peak_memory_gib": ours["peak_gib"],
            "memory_limit_gib": MEMORY,
            "baseline_lines": 2 * min(SAMPLE, lines),
            "lines_compared": checked,
            "lines_different": different,
        }
    )


def write_lines(folder: Path, path: Path, lines: int) -> None:
    """Repeat the real reviews, each time with other user names and texts."""
    with gzip.open(folder / "steam_reviews_v1_dated.json.gz", "rt", encoding="utf-8") as stream:
        reviews = [ast.literal_eval(line) for line in stream]
    rng = random.Random(0)
    texts = [ascii(text(rng)) for _ in range(5_000)]
    heads = [ascii(review["username"])[:-1] for review in reviews]
    tails = [ascii(review)[1:-1].partition(", ")[2] for review in reviews]
    with path.open("w", encoding="utf-8") as stream:
        for number, (head, tail) in enumerate(
            itertools.islice(itertools.cycle(zip(heads, tails, strict=True)), lines)
        ):
            round_ = number // len(reviews)
            stream.write(
                f"{{'username': {head} {round_}{head[0]}, {tail}, "
                f"'text': {texts[rng.randrange(len(texts))]}, 'page': {number % 100}}}\n"
            )


def text(rng: random.Random) -> str:
    """A made-up review of 50 to 2,000 characters."""
    length = rng.randint(50, 2_000)
    words: list[str] = []
    size = 0
    while size < length:
        words.append(rng.choice(ODDITIES if rng.random() < 0.05 else WORDS))
        size += len(words[-1]) + 1
    return " ".join(words)[:length]


def time_literal_eval(path: Path) -> float:
    """Processor seconds a line, over the first lines of the file."""
    with path.open(encoding="utf-8") as stream:
        sample = list(itertools.islice(stream, SAMPLE))
    start = time.process_time()
    for line in sample:
        ast.literal_eval(line)
    return (time.process_time() - start) / len(sample)


def read_in_child(folder: Path, path: Path) -> dict[str, float]:
    """Rows, times and peak memory of the reader, in a process that does nothing else."""
    command = [sys.executable, __file__, "--child", str(folder), str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def child(folder: Path, path: Path) -> None:
    """Read the file with the production reader and print what it took."""
    dataset = Dataset(display="Steam", format="steam", splits={"last": LeaveOneOut()})
    start, clock = time.process_time(), time.perf_counter()
    raw = steam.read(dataset, {"games": folder / "steam_games.json.gz", "reviews": path})
    seconds, wall = time.process_time() - start, time.perf_counter() - clock
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_gib = peak / (2**30 if sys.platform == "darwin" else 2**20)
    measured = {"seconds": seconds, "wall_seconds": wall, "peak_gib": peak_gib}
    print(json.dumps(measured | {"rows": len(raw.interactions)}))


def compare(path: Path, check_lines: int | None) -> tuple[int, int]:
    """How many lines were compared with `ast.literal_eval`, and how many of them differ."""
    keys = (*steam.REVIEW_FIELDS, "text")
    with path.open(encoding="utf-8") as stream:
        results = zip(stream, fields_of(path, keys), strict=True)
        same = [
            all(repr(value.get(key)) == repr(found[key]) for key in keys)
            for line, found in itertools.islice(results, check_lines)
            for value in [ast.literal_eval(line)]
        ]
    return len(same), len(same) - sum(same)


def fields_of(path: Path, keys: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """Decoded fields of each line by the reader."""
    fields = LiteralFields(keys)
    for block in read_blocks(RawSource(path)):
        for sources in zip(*fields.read(block).columns.values(), strict=True):
            yield dict(zip(keys, map(decode, sources), strict=True))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), Path(sys.argv[3]))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=7_800_000)
    parser.add_argument("--check-lines", type=int, default=200_000, help="0: all")
    arguments = parser.parse_args()
    main(arguments.lines, arguments.check_lines or None)
