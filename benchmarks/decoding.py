"""The small language model: items of a catalogue a second, and tokens trained a second.

Run with `python benchmarks/decoding.py`. The Llama of 5 million weights learns from random sessions
over 12,000 made-up titles for a moment, so that its beams differ. Then, in turn and in one process:

* beam search of 20 among the catalogue's titles, beside `generate` of transformers with a prefix
  function on the same model with as many beams; the lists must be the same ones;
* training, beside a bare loop over the same batches: forward with labels, backward, AdamW.

Prompts of like length share a batch on both sides. Training is measured in bfloat16 too.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from benchmarks.common import record  # noqa: E402
from llmseqrec.llm.beam_search import BeamOptions  # noqa: E402
from llmseqrec.llm.decoding import catalogue_trie, rank_items  # noqa: E402
from llmseqrec.llm.language_model import LanguageModel  # noqa: E402
from llmseqrec.llm.pairs import Batch, EncodedPairs, Pair, batch_rows  # noqa: E402
from llmseqrec.llm.small_model import make_small_model  # noqa: E402
from llmseqrec.llm.tokenizer import train_tokenizer  # noqa: E402
from llmseqrec.llm.training import Training, TrainingOptions  # noqa: E402

ITEMS, SESSIONS, WORDS = 12_000, 2_000, 4_000
BEAMS, BATCH = 20, 8
TARGETS = {"search": 1.7, "training": 1.0}


@dataclass(frozen=True)
class Setting:
    """How much is done: prompts of the search, batches of training, rounds, steps beforehand."""

    prompts: int = 8
    batches: int = 3
    rounds: int = 3
    steps: int = 30


def catalogue(rng: np.random.Generator) -> list[str]:
    """Different titles of 3 to 16 words, frequent words more often, as in a shop's catalogue."""
    letters = np.array(list("aeioubcdfglmnprst"))
    words = ["".join(rng.choice(letters, rng.integers(2, 9))) for _ in range(WORDS)]
    shares = 1 / np.arange(1, WORDS + 1)
    made: dict[str, None] = {}
    while len(made) < ITEMS:
        picked = rng.choice(WORDS, rng.integers(3, 17), p=shares / shares.sum())
        made[" ".join(words[word] for word in picked)] = None
    return list(made)


def pairs(titles: Sequence[str], count: int, rng: np.random.Generator) -> list[Pair]:
    """Sessions of 3 to 12 neighbours in the list of titles; the last one is to be written."""
    made = []
    for start in rng.integers(len(titles) - 40, size=count):
        *before, last = start + rng.integers(40, size=rng.integers(4, 13))
        made.append(Pair("\n".join(titles[item] for item in before), titles[last]))
    return made


def generate(
    model: LanguageModel,
    prompts: Sequence[str],
    completions: Sequence[Sequence[int]],
    penalty: float = 0.0,
) -> list[list[str]]:
    """What transformers does: prompts padded on the left, the catalogue as a tree of dicts."""
    tokenizer, root = model.tokenizer, {}
    for row in completions:
        node = root
        for token in row:
            node = node.setdefault(token, {})
    rows = tokenizer.prompts(prompts)
    width = max(map(len, rows))

    def allowed(_: int, ids: torch.Tensor) -> list[int]:
        node = root
        for token in ids[width:].tolist():
            node = node.get(token, {})
        return list(node) or [tokenizer.end]

    ids = torch.tensor([[tokenizer.end] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    made = model.network.generate(
        ids,
        attention_mask=mask,
        num_beams=BEAMS,
        num_return_sequences=BEAMS,
        do_sample=False,
        length_penalty=penalty,
        max_new_tokens=max(map(len, completions)),
        pad_token_id=tokenizer.end,
        prefix_allowed_tokens_fn=allowed,
    )
    texts = [tokenizer.text(row[width:].tolist()) for row in made]
    return [texts[start : start + BEAMS] for start in range(0, len(texts), BEAMS)]


def medians(sides: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each, taken in turn."""
    taken = np.zeros((rounds, len(sides)))
    for round_ in range(-1, rounds):  # round -1 warms up
        for side, work in enumerate(sides):
            start = time.perf_counter()
            work()
            if round_ >= 0:
                taken[round_, side] = time.perf_counter() - start
    return np.median(taken, axis=0).tolist()


def measure_search(
    model: LanguageModel, titles: Sequence[str], prompts: Sequence[str], rounds: int
) -> None:
    """Prompts a second of both; the target counts only where the lists are the same."""
    completions = model.tokenizer.completions(titles)
    trie = catalogue_trie(titles, model.tokenizer)
    batches = [prompts[start : start + BATCH] for start in range(0, len(prompts), BATCH)]
    mine: list[list[str]] = []
    theirs: list[list[str]] = []

    def ours() -> None:
        items, _ = rank_items(model, trie, prompts, BeamOptions(BEAMS), BATCH)
        mine[:] = [[titles[item] for item in row] for row in items]

    def baseline() -> None:
        theirs[:] = [row for batch in batches for row in generate(model, batch, completions)]

    seconds = medians([ours, baseline], rounds)
    same = np.mean([one == other for one, other in zip(mine, theirs, strict=True)])
    rates = [len(prompts) / spent for spent in seconds]
    ratio = rates[0] / rates[1]
    record(
        {
            "name": "decoding_search",
            "ours": rates[0],
            "baseline": rates[1],
            "unit": f"prompts/s, {BEAMS} beams; baseline: generate with a prefix function",
            "ratio": ratio,
            "target": TARGETS["search"],
            "met": bool(ratio >= TARGETS["search"] and same == 1),
            "share_of_same_lists": same,
            "threads": torch.get_num_threads(),
        }
    )


class BareLoop:
    """Forward with labels, backward and a step, as in the library's examples."""

    def __init__(self, model: LanguageModel) -> None:
        self.network = model.network
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-4)

    def step(self, batch: Batch) -> None:
        labels = torch.full(batch.ids.shape, -100)
        labels.view(-1)[batch.positions + 1] = batch.targets
        self.optimizer.zero_grad()
        self.network(input_ids=batch.ids, labels=labels, use_cache=False).loss.backward()
        self.optimizer.step()


def measure_training(
    model: LanguageModel, examples: EncodedPairs, setting: Setting, *, bfloat16: bool
) -> None:
    """Tokens a second of both, padding left out, over the same batches."""
    options = TrainingOptions(bfloat16=bfloat16)
    rows = list(batch_rows(examples.lengths, options.batch_tokens, np.random.default_rng(1)))
    batches = [examples.batch(each) for each in rows[: setting.batches]]
    tokens = sum(int(examples.lengths[each].sum()) for each in rows[: setting.batches])
    training, bare = Training(model, options), BareLoop(model)
    model.network.train()

    def ours() -> None:
        for batch in batches:
            training.step(batch, 1e-4)

    def baseline() -> None:
        for batch in batches:
            bare.step(batch)

    rates = [tokens / spent for spent in medians([ours, baseline], setting.rounds)]
    ratio = rates[0] / rates[1]
    record(
        {
            "name": f"decoding_training_{'bfloat16' if training.autocast else 'float32'}",
            "ours": rates[0],
            "baseline": rates[1],
            "unit": "tokens/s; baseline: a bare loop in single precision on the same batches",
            "ratio": ratio,
            "target": TARGETS["training"],
            "met": ratio >= TARGETS["training"],
            "threads": torch.get_num_threads(),
        }
    )


def main(setting: Setting) -> None:
    """Make catalogue and model, and measure."""
    rng = np.random.default_rng(0)
    titles = catalogue(rng)
    model = make_small_model(train_tokenizer(titles))
    examples = EncodedPairs.of(pairs(titles, SESSIONS, rng), model.tokenizer)
    options = TrainingOptions(most_steps=setting.steps, warmup_steps=10, batch_tokens=2048)
    Training(model, options).fit(examples, None, 0)
    asked = sorted((pair.prompt for pair in pairs(titles, setting.prompts, rng)), key=len)
    with torch.inference_mode():
        measure_search(model, titles, asked[::-1], setting.rounds)
    for bfloat16 in (False, True):
        measure_training(model, examples, setting, bfloat16=bfloat16)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, help="of torch; by default as many as it takes")
    parser.add_argument("--rounds", type=int, default=Setting.rounds)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    main(replace(Setting(), rounds=arguments.rounds))
