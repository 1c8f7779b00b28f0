"""The providers of this machine, on a tiny random Llama: tuned, written, read, killed, asked."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from llmseqrec.config import LocalModelSettings, SmallModelSettings
from llmseqrec.contracts import STEP_HISTORY, read_json, read_table
from llmseqrec.errors import InputError
from llmseqrec.llm.parameters import SamplingParameters
from llmseqrec.llm.prompt_files import Line, write_prompts
from llmseqrec.llm.prompts import Prompt
from llmseqrec.llm.providers.base import LLMProvider, Place, Request, TuningFiles
from llmseqrec.llm.providers.local import LocalProvider
from llmseqrec.llm.providers.small import SmallProvider
from tests.unit.language_models import circle, kill_after_steps, steps_kept, tiny_model, titles

TRAINING: dict[str, Any] = {
    "epochs": 10,
    "batch_tokens": 1024,
    "learning_rate": 0.01,
    "warmup_steps": 2,
    "checkpoint_steps": 5,
}
REQUEST = Request(3, SamplingParameters(temperature=1.0, max_tokens=12), seed=7)
# TALLRec's layout: the pair stands between its headings, and every token is learned.
HEADINGS = ("### Instruction:\nName the next item.\n\n### Input:\n", "\n\n### Response:\n")


def prompt(text: str, stop: str | None = None) -> Prompt:
    return Prompt(HEADINGS[0], text + HEADINGS[1], "", False, stop)


QUESTIONS = [prompt(pair.prompt) for pair in circle()]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of random weights and its tokenizer, as of the hub."""
    folder = tmp_path_factory.mktemp("models") / "base"
    tiny_model(spread=2).save(folder)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TuningFiles:
    folder = tmp_path_factory.mktemp("prompts")
    lines = [Line(n, prompt(pair.prompt), pair.completion) for n, pair in enumerate(circle())]
    write_prompts(lines, folder / "training.jsonl")
    write_prompts(lines[:3], folder / "validation.jsonl")
    return TuningFiles(folder / "training.jsonl", folder / "validation.jsonl")


def local(base: Path, **options: Any) -> LocalProvider:
    given = {"provider": "local", "model": str(base), "whole_text": True} | TRAINING | options
    return LocalProvider(LocalModelSettings.model_validate(given))


def small() -> SmallProvider:
    shape = {"dim": 32, "layers": 1, "heads": 2, "key_heads": 2, "inner": 64, "context": 256}
    given = {"provider": "small", "vocabulary": 300} | shape | TRAINING
    return SmallProvider(SmallModelSettings.model_validate(given))


def place(folder: Path) -> Place:
    return Place(folder / "model", folder / "state", 5, "tiny")


def tuned(provider: LLMProvider[Any], files: TuningFiles, folder: Path) -> Path:
    provider.finetune(files, place(folder))
    return folder / "model"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_adapter_changes_the_answers_and_is_read_back(
    base: Path, files: TuningFiles, tmp_path: Path
) -> None:
    before = contents(base)
    model = tuned(local(base), files, tmp_path)
    assert contents(base) == before
    assert {path.name for path in model.iterdir()} == {"adapter", "history.parquet", "model.json"}
    facts = read_json(model / "model.json")
    assert (facts["base"], facts["trained"], facts["lora"]["rank"]) == (str(base), "an adapter", 8)
    assert facts["steps"] == read_table(model / "history.parquet", STEP_HISTORY)["step"].iloc[-1]
    lists = [local(base).ranked(folder, QUESTIONS, titles(), 5) for folder in (None, model, model)]
    assert lists[0] != lists[1] == lists[2]
    assert local(base).answers(None, QUESTIONS, REQUEST) != local(base).answers(
        model, QUESTIONS, REQUEST
    )


def test_an_adapter_on_another_model_is_refused(
    base: Path, files: TuningFiles, tmp_path: Path
) -> None:
    model = tuned(local(base, epochs=1), files, tmp_path)
    small_base = tuned(small(), files, tmp_path / "small") / "weights"
    with pytest.raises(InputError, match="an adapter of another model"):
        local(small_base).ranked(model, QUESTIONS, titles(), 5)


def test_all_weights_are_trained_where_no_adapter_is_asked_for(
    base: Path, files: TuningFiles, tmp_path: Path
) -> None:
    provider = local(base, lora=None, whole_text=False, epochs=60)
    model = tuned(provider, files, tmp_path)
    assert (model / "weights" / "model.safetensors").is_file()
    found = provider.ranked(model, QUESTIONS, [pair.completion for pair in circle()], 1)
    right = sum(row[0][0] == pair.completion for row, pair in zip(found, circle(), strict=True))
    assert right >= 20  # of 24; the base model knows none of it


KILLED = {
    "small": "small()",
    "adapter": "local(Path({base!r}))",
}


@pytest.mark.parametrize("name", KILLED)
def test_a_killed_training_ends_with_the_weights_of_an_undisturbed_one(
    name: str, base: Path, files: TuningFiles, tmp_path: Path
) -> None:
    provider = small() if name == "small" else local(base)
    whole = tuned(provider, files, tmp_path / "whole")
    killed = place(tmp_path / "killed")
    code = (
        "from tests.unit.test_llm_providers import *; "
        f"made = {KILLED[name].format(base=str(base))}; "
        f"files = TuningFiles(Path({str(files.training)!r}), Path({str(files.validation)!r})); "
        f"made.finetune(files, place(Path({str(tmp_path / 'killed')!r})))"
    )
    assert kill_after_steps(code, killed.state, 5) >= 5
    assert not killed.model.exists()
    provider.finetune(files, killed)
    assert contents(killed.model) == contents(whole)
    assert steps_kept(killed.state) == 0


def test_answers_end_before_the_stop_text_and_leave_room_for_the_question(base: Path) -> None:
    question = prompt("soap\n" * 200)
    long = Request(2, SamplingParameters(temperature=1.0, max_tokens=1000), seed=7)
    (texts,) = local(base).answers(None, [question], long)
    assert len(texts) == 2
    letter = next(letter for letter in texts[0] if letter.strip())
    stopped = Prompt(question.system, question.user, "", False, letter)
    (cut,) = local(base).answers(None, [stopped], long)
    assert cut == [text.partition(letter)[0] for text in texts]


def test_what_cannot_be_loaded_is_told_before_anything_runs(base: Path) -> None:
    away = LocalModelSettings(provider="local", model="nobody/nothing")
    reason = LocalProvider.unmet_need(away)
    assert reason is not None
    assert reason.startswith("weights unavailable: nobody/nothing is neither on this machine")
    fetched = away.model_copy(update={"allow_download": True})
    assert LocalProvider.unmet_need(fetched) is None
    with pytest.raises(InputError, match="40 digits"):
        LocalProvider(fetched).answers(None, QUESTIONS, REQUEST)
    with pytest.raises(InputError, match="knows nothing before it is trained"):
        small().answers(None, QUESTIONS, REQUEST)


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="the library is there")
def test_few_bits_need_their_library(base: Path) -> None:
    with pytest.raises(InputError, match="bits: 4 needs the library bitsandbytes"):
        local(base, bits=4).answers(None, QUESTIONS, REQUEST)


def test_tokens_are_those_of_the_model(base: Path) -> None:
    count = local(base).count_tokens()
    assert len(count("soap soap")) > len(count("soap"))
    assert small().count_tokens() is None
