"""The paths of fine-tuning and answers: a job really trains, and its model really answers."""

from __future__ import annotations

import json
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from openai.types import Completion
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent, JobCreateParams
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from pydantic import TypeAdapter

from tests.doubles.openai_server import OpenAIDouble, OpenAIHandler, file_object

# Whoever only asks the service, such as a process that is killed, needs no torch.
if TYPE_CHECKING:
    from llmseqrec.llm.pairs import Pair
    from tests.doubles.writer import Writer

CHAT = TypeAdapter(CompletionCreateParamsNonStreaming)
JOB = TypeAdapter(JobCreateParams)
BASE = "gpt-4o-mini-2024-07-18"
RETIRED = "gpt-4.1-nano-2025-04-14"


class OpenAIModelsDouble(OpenAIDouble):
    """A service of language models."""

    def __init__(self) -> None:
        super().__init__()
        import_module("tests.doubles.writer")  # now: a client waits for an answer not long
        self.models |= {BASE: None, RETIRED: "2026-10-23", "babbage-002": None}
        self.writers: dict[str, Writer] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks_at_job = 2  # before it has ended
        self.job_ends = "succeeded"
        self.training_steps = 10
        self.asked: Counter[str] = Counter()  # requests for answers that were answered
        self.bodies: list[dict[str, Any]] = []
        self.alter_answer: Any = lambda made: made

    def reply(self, url: str, asked: dict[str, Any]) -> dict[str, Any]:
        if url == "/v1/embeddings":
            return super().reply(url, asked)
        made = written(self, url, asked)
        self.asked[json.dumps(asked, sort_keys=True)] += 1
        return made


def prompt_of(asked: dict[str, Any]) -> str:
    """The text that our model is trained on and asked with."""
    messages = asked.get("messages")
    return asked["prompt"] if messages is None else "\n".join(one["content"] for one in messages)


def pair_of(line: dict[str, Any]) -> Pair:
    """A line of a training file, held to the service's format."""
    from llmseqrec.llm.pairs import Pair

    if "messages" not in line:
        assert set(line) == {"prompt", "completion"}
        return Pair(line["prompt"], line["completion"])
    *asked, answer = line["messages"]
    assert set(line) == {"messages"}
    assert answer["role"] == "assistant"
    assert [one["role"] for one in asked] in (["user"], ["system", "user"])
    return Pair(prompt_of({"messages": asked}), answer["content"])


def written(double: OpenAIModelsDouble, url: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Answers of a model."""
    from llmseqrec.llm.sampling import SamplingOptions
    from tests.doubles.writer import LONGEST, Writer

    chat = url == "/v1/chat/completions"
    if chat:
        CHAT.validate_python(asked)
    longest = asked["max_completion_tokens" if chat else "max_tokens"]
    options = SamplingOptions(
        samples=asked["n"],
        temperature=asked["temperature"],
        top_p=asked["top_p"],
        most_tokens=min(longest, LONGEST),
        seed=asked.get("seed", 0),
    )
    prompt = prompt_of(asked)
    texts = double.writers.get(asked["model"], Writer()).write(prompt, options)
    if stop := asked.get("stop"):
        texts = [text.partition(stop)[0] for text in texts]
    counted = [len(text.split()) for text in (prompt, *texts)]
    usage = {"prompt_tokens": counted[0], "completion_tokens": sum(counted[1:])}
    choices = [
        {"index": number, "finish_reason": "stop", "logprobs": None}
        | ({"message": {"role": "assistant", "content": text}} if chat else {"text": text})
        for number, text in reversed(list(enumerate(texts)))
    ]
    kind = "chat.completion" if chat else "text_completion"
    made = {"id": "x", "object": kind, "created": 1, "model": asked["model"], "choices": choices}
    made |= {"usage": usage | {"total_tokens": sum(counted)}}
    (ChatCompletion if chat else Completion).model_validate(made)
    return double.alter_answer(made)


def submitted(double: OpenAIModelsDouble, asked: dict[str, Any]) -> dict[str, Any]:
    """A new job."""
    JOB.validate_python(asked)
    assert asked["training_file"] in double.files
    assert len(asked["suffix"]) <= 64
    assert asked["model"] in double.models
    made = {
        "id": f"ftjob-{len(double.jobs)}",
        "created_at": 1,
        "hyperparameters": asked["method"]["supervised"]["hyperparameters"],
        "model": asked["model"],
        "object": "fine_tuning.job",
        "organization_id": "org",
        "result_files": [],
        "seed": asked.get("seed", 0),
        "status": "running",
        "training_file": asked["training_file"],
        "validation_file": asked.get("validation_file"),
        "metadata": asked["metadata"],
    }
    FineTuningJob.model_validate(made)
    double.jobs[made["id"]] = made
    return made


def seen(double: OpenAIModelsDouble, job: dict[str, Any]) -> dict[str, Any]:
    """A job as it is now: trained when it was looked at often enough."""
    from tests.doubles.writer import Writer

    double.looks_at_job -= 1
    if double.looks_at_job >= 0 or job["status"] != "running":
        return job
    job["status"] = double.job_ends
    if job["status"] == "succeeded":
        lines = double.files[job["training_file"]].decode().splitlines()
        pairs = [pair_of(json.loads(line)) for line in lines]
        name = f"ft:{job['model']}:org:llmseqrec:{job['id']}"
        double.writers[name] = Writer(pairs, double.training_steps)
        double.models[name] = None
        epochs = job["hyperparameters"]["n_epochs"]
        tokens = epochs * sum(len(f"{p.prompt} {p.completion}".split()) for p in pairs)
        job |= {"fine_tuned_model": name, "trained_tokens": tokens}
    if job["status"] == "failed":
        job["error"] = {"code": "x", "message": "the file has\ntoo few examples", "param": None}
    FineTuningJob.model_validate(job)
    return job


def checkpoint(job: str, step: int) -> dict[str, Any]:
    """Of a job, with its losses."""
    losses = {"train_loss": 1 / step, "valid_loss": 3.0, "full_valid_loss": 2 / step}
    made = {"id": f"c{step}", "created_at": 1, "object": "fine_tuning.job.checkpoint"}
    made |= {"fine_tuned_model_checkpoint": f"ft:{step}", "fine_tuning_job_id": job}
    made |= {"step_number": step, "metrics": losses if step > 10 else losses | {"train_loss": None}}
    FineTuningJobCheckpoint.model_validate(made)
    return made


class OpenAIModelsHandler(OpenAIHandler):
    """Fine-tuning jobs, chat and completions beside the paths of vectors."""

    double: OpenAIModelsDouble

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        parts = address.path.split("/")[2:]
        if parts[0] == "fine_tuning" and self.authorised():
            self.get_job(parts[2:], parse_qs(address.query))
        elif parts == ["files"] and self.authorised():
            with self.double.lock:
                data = [file_object(self.double, name) for name in self.double.names]
            self.send_json({"object": "list", "data": data[::-1], "has_more": False})
        else:
            super().do_GET()

    def do_POST(self) -> None:
        if self.path not in ("/v1/fine_tuning/jobs", "/v1/chat/completions", "/v1/completions"):
            super().do_POST()
            return
        body = json.loads(self.body())
        if not self.authorised():
            return
        if self.path == "/v1/fine_tuning/jobs":
            with self.double.lock:
                self.double.steps.append("jobs")
                made = submitted(self.double, body)
            self.conclude("jobs", made)
        else:
            with self.counted():
                self.answer(body)

    def get_job(self, parts: list[str], query: dict[str, list[str]]) -> None:
        """All jobs, one, or its events."""
        double = self.double
        with double.lock:
            if not parts:
                wanted = query.get("metadata[llmseqrec]")
                found = [j for j in double.jobs.values() if [j["metadata"]["llmseqrec"]] == wanted]
                made: Any = {"object": "list", "data": found[::-1], "has_more": False}
            elif len(parts) == 1:
                made = seen(double, double.jobs[parts[0]])
            elif parts[1] == "checkpoints":
                data = [checkpoint(parts[0], step) for step in (20, 10)]
                made = {"object": "list", "data": data, "has_more": False}
            else:
                status = double.jobs[parts[0]]["status"]
                event = {"id": f"e-{status}", "created_at": 1, "level": "info"}
                event |= {"message": f"job is {status}", "object": "fine_tuning.job.event"}
                FineTuningJobEvent.model_validate(event)
                made = {"object": "list", "data": [event], "has_more": False}
        self.conclude("look" if len(parts) == 1 else "list", made)

    def answer(self, asked: dict[str, Any]) -> None:
        """One request for answers; a fault comes instead of them."""
        double = self.double
        with double.lock:
            double.bodies.append(asked)
        if fault := double.next_fault():
            fault(self)
            return
        if asked["model"] not in double.models:
            self.error(404, "model_not_found", f"The model `{asked['model']}` does not exist")
            return
        with double.lock:
            made = written(double, self.path, asked)
            double.asked[json.dumps(asked, sort_keys=True)] += 1
        self.conclude("answers", made)
