"""`llmseqrec plan` on prompted runs: what is trained, asked, sent and paid."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmseqrec.__main__ import main
from llmseqrec.config import parse_config
from llmseqrec.contracts import write_json
from llmseqrec.generations import open_provider
from llmseqrec.llm.prompt_files import Line, read_prompts, write_prompts
from llmseqrec.llm.providers.base import Request, TuningFiles
from llmseqrec.services.completions import Completion
from llmseqrec.uploads import Permission
from tests.conftest import ROOT, tiny_content
from tests.services.language_models import NAMES, question

MODEL = "gpt-4o-mini-2024-07-18"
TUNED = f"ft:{MODEL}:org::1"
SAMPLING = {"temperature": 0.25, "max_tokens": 30}
ASKED = {"model": "gen_item", "language_model": "gpt", "embedding": "minilm"}
FOLDED = {"parts": ["fold2", "full"]}
OWN = {"dataset": "tiny", "split": "temporal", "runs": ["gpt_gen_item"]}
# Bytes of a line as it is sent, and of a request for five answers.
LINE = (
    '{"messages":[{"content":"What is bought next?","role":"system"},{"content":"NAME","role":'
    '"user"},{"content":"NEXT","role":"assistant"}]}'
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    """A run with a model of its own, one that asks the same, and one of the base model."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "rows.csv").touch()
    content = tiny_content(tmp_path / "raw")
    content["datasets"]["tiny"]["allow_upload"] = ["openai"]
    content["embeddings"] = {"minilm": {}}
    content["language_models"] = {"gpt": {"provider": "openai", "model": MODEL, "epochs": 2}}
    own = {"samples": 5, "sampling": SAMPLING}
    content["runs"] |= {
        "cool": {"display": "Cool", **ASKED, "parameters": own},
        "warm": {"display": "Warm", **ASKED, "parameters": own | {"samples": 10}},
        "base": {"display": "Base", **ASKED, "finetune": False, "parameters": own},
    }
    content["experiments"][0]["runs"] = ["cool", "warm", "base"]
    content["services"] = {
        "completions": str(tmp_path / "completions.sqlite"),
        "cache": str(tmp_path / "cache.sqlite"),
        "ledger": str(tmp_path / "ledger.sqlite"),
        "jobs": str(tmp_path / "jobs"),
        "prices": str(ROOT / "config" / "prices.yaml"),
    }
    return content


def test_the_documented_run_is_accepted(content: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "costs.md").read_text().partition("## Fine-tuned")[2]
    documented = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    own = {name: documented[name] for name in ("runs", "language_models", "max_usd")}
    config = parse_config(content | own | {"experiments": [OWN]})
    assert config.language_model_of("gpt_gen_item").model == MODEL
    assert documented["datasets"] == {"beauty": {"allow_upload": ["openai"]}}


def build(folder: Path, *runs: str) -> None:
    """The prompts of runs: six to train on, none to validate with, six questions."""
    for run in runs:
        prompts = folder / "results/tiny/temporal/full" / run / "seed1/prompts"
        lines = [Line(n, question(name)) for n, name in enumerate(NAMES)]
        write_prompts(lines, prompts / "test.jsonl")
        if run != "base":
            trained = [Line(line.session_id, line.prompt, "rose") for line in lines]
            write_prompts(trained, prompts / "training.jsonl")
            write_prompts([], prompts / "validation.jsonl")


def printed(folder: Path, content: dict, capsys: pytest.CaptureFixture[str]) -> list[str]:
    (folder / "c.yaml").write_text(yaml.safe_dump(content))
    arguments = ["plan", str(folder / "c.yaml"), "--results", str(folder / "results")]
    assert main([*arguments, "--benchmarks", str(folder / "logs")]) == 0
    return capsys.readouterr().out.splitlines()


Printed = pytest.CaptureFixture[str]


def test_what_is_not_built_yet_is_unknown(tmp_path: Path, content: dict, capsys: Printed) -> None:
    out = printed(tmp_path, content, capsys)
    unknown = f"openai {MODEL}: unknown, the prompts are not built yet"
    assert f"  cool of tiny, training: {unknown}" in out
    assert f"  base of tiny, answers: {unknown}" in out
    assert not any("base of tiny, training" in line for line in out)
    assert "  together: unknown" in out


def test_training_and_answers_with_their_prices(
    tmp_path: Path, content: dict, capsys: Printed
) -> None:
    build(tmp_path, "cool", "warm", "base")
    out = printed(tmp_path, content, capsys)
    lines = [LINE.replace("NAME", name).replace("NEXT", "rose") for name in NAMES]
    tokens = 2 * sum(-(-len(line) // 3) for line in lines)
    paid = f"{tokens:,} tokens, 1 requests, {tokens * 3 / 1e6:.4f} USD"
    assert f"  cool of tiny, training: openai {MODEL}: {paid}" in out
    # The other temperature trains on the same, so it asks for no second job.
    assert f"  warm of tiny, training: openai {MODEL}: 0 tokens, 0 requests, 0.0000 USD" in out
    answers = next(line for line in out if line.startswith("  cool of tiny, answers"))
    assert "6 requests" in answers
    assert "  together: unknown" not in out
    sample = "    sent to https://api.openai.com/v1, such as 'What is bought next?\\nrose soap'"
    assert out.count(sample) == 3
    assert not (tmp_path / "completions.sqlite").exists()
    assert not (tmp_path / "jobs").exists()


def test_a_seed_or_part_without_prompts_is_unknown_and_others_do_not_count(
    tmp_path: Path, content: dict, capsys: Printed
) -> None:
    build(tmp_path, "cool", "base")
    content["experiments"][0]["runs"] = ["cool", "base"]
    known = printed(tmp_path, content, capsys)
    # Left over of another configuration.
    parts = tmp_path / "results/tiny/temporal"
    shutil.copytree(parts / "full/base/seed1", parts / "full/base/seed9")
    shutil.copytree(parts / "full/base/seed1", parts / "fold1/base/seed1")
    assert printed(tmp_path, content, capsys) == known
    unknown = f"openai {MODEL}: unknown, the prompts are not built yet"
    for change in ({"seeds": [1, 2]}, {"experiments": [content["experiments"][0] | FOLDED]}):
        out = printed(tmp_path, content | change, capsys)
        for step in ("cool of tiny, training", "cool of tiny, answers", "base of tiny, answers"):
            assert f"  {step}: {unknown}" in out
        assert "  together: unknown" in out


def test_a_run_of_several_experiments_counts_once(
    tmp_path: Path, content: dict, capsys: Printed
) -> None:
    build(tmp_path, "cool", "base")
    content["experiments"][0]["runs"] = ["cool", "base"]
    once = printed(tmp_path, content, capsys)
    content["experiments"].append(content["experiments"][0] | {"runs": ["base"]})
    assert [line for line in printed(tmp_path, content, capsys) if "openai" in line] == [
        line for line in once if "openai" in line
    ]


def test_whose_model_is_asked_is_trained_and_not_asked(
    tmp_path: Path, content: dict, capsys: Printed
) -> None:
    content["runs"]["warm"]["finetuned_by"] = "cool"
    content["experiments"][0]["runs"] = ["warm"]
    build(tmp_path, "cool", "warm")
    out = [line for line in printed(tmp_path, content, capsys) if "of tiny, " in line]
    steps = [line.strip().partition(":")[0] for line in out if f"openai {MODEL}" in line]
    assert steps == ["cool of tiny, training", "warm of tiny, answers"]


def test_what_was_bought_costs_nothing(tmp_path: Path, content: dict, capsys: Printed) -> None:
    build(tmp_path, "cool", "warm", "base")
    content["experiments"][0]["runs"] = ["cool"]
    config = parse_config(content)
    settings = config.language_model_of("cool")
    provider: Any = open_provider(settings, "cpu", Permission.of(config, "tiny"))
    folder = tmp_path / "results/tiny/temporal/full/cool/seed1"
    prompts = folder / "prompts"
    files = TuningFiles(prompts / "training.jsonl", prompts / "validation.jsonl")
    path = provider.job(files, 1).path
    path.parent.mkdir()
    path.write_text("{}")
    write_json({"model": TUNED}, folder / "language_model/model.json")
    asked = config.runs["cool"].checked_parameters
    request = Request(5, asked.sampling, 1)  # type: ignore[attr-defined]
    lines = read_prompts(prompts / "test.jsonl")
    for line in lines[:4]:
        (part,) = provider.parts(TUNED, line.prompt, request)
        provider.access.completions.add(part, Completion(("x",) * 5, 1.0, 1.0))
    out = printed(tmp_path, content, capsys)
    assert f"  cool of tiny, training: openai {MODEL}: 0 tokens, 0 requests, 0.0000 USD" in out
    answers = next(line for line in out if line.startswith("  cool of tiny, answers"))
    rest = [provider.parts(TUNED, line.prompt, request)[0].request for line in lines[4:]]
    questions = sum(-(-len(one) // 3) for one in rest)
    written = 2 * 5 * 2  # answers of two tokens
    usd = (questions * 0.30 + written * 1.20) / 1e6
    assert answers.endswith(f"{questions + written} tokens, 2 requests, {usd:.4f} USD")


def test_nothing_is_sent_of_a_dataset_that_does_not_allow_it(
    tmp_path: Path, content: dict, capsys: Printed
) -> None:
    del content["datasets"]["tiny"]["allow_upload"]
    build(tmp_path, "cool", "warm", "base")
    out = printed(tmp_path, content, capsys)
    told = f"  base of tiny, answers: openai {MODEL}: nothing is sent: texts of tiny may not be"
    assert any(line.startswith(told) for line in out)
    assert not any(line.startswith("    sent to") for line in out)
    assert "  together: 0.0000 USD" in out
