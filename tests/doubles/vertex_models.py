"""The paths of tuning, storage and answers of Vertex AI; a job really trains, its model answers."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from google.cloud.aiplatform_v1.types import (
    GenerateContentRequest,
    GenerateContentResponse,
    TuningJob,
)
from google.protobuf.json_format import ParseDict

from tests.doubles.server import Double, Handler
from tests.doubles.vertex_server import refuse

# Whoever only asks the service, such as a process that is killed, needs no torch.
if TYPE_CHECKING:
    from llmseqrec.llm.pairs import Pair
    from tests.doubles.writer import Writer

BASE = "gemini-x-flash"
JOBS = re.compile(r"/v1/projects/p1/locations/([\w-]+)/tuningJobs(?:/(\d+))?$")
GENERATE = re.compile(r"/v1/projects/p1/locations/[\w-]+/([\w/-]+):generateContent$")
OBJECTS = re.compile(r"(?:/upload)?/storage/v1/b/([\w-]+)/o(?:/(.+))?$")


class VertexModelsDouble(Double):
    """A service of language models and the storage beside it."""

    def __init__(self) -> None:
        super().__init__()
        import_module("tests.doubles.writer")  # now: a client waits for an answer not long
        self.objects: dict[str, bytes] = {}
        self.jobs: list[dict[str, Any]] = []
        self.writers: dict[str, Writer] = {}
        self.steps: list[str] = []
        self.looks_at_job = 2
        self.job_ends = "SUCCEEDED"
        self.training_steps = 10
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.alter_answer: Any = lambda made: made


def text_of(content: dict[str, Any]) -> str:
    return "".join(part["text"] for part in content["parts"])


def prompt_of(asked: dict[str, Any]) -> str:
    """The text that our model is trained on and asked with."""
    (user,) = asked["contents"]
    assert user["role"] == "user"
    system = [text_of(asked["systemInstruction"])] if "systemInstruction" in asked else []
    return "\n".join([*system, text_of(user)])


def pair_of(line: dict[str, Any]) -> Pair:
    from llmseqrec.llm.pairs import Pair

    *user, model = line["contents"]
    assert model["role"] == "model"
    return Pair(prompt_of(line | {"contents": user}), text_of(model))


class VertexModelsHandler(Handler):
    """Storage, tuning jobs and answers."""

    double: VertexModelsDouble

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if found := OBJECTS.match(address.path):
            name = unquote(found[2])
            there = name in self.double.objects
            self.send_json({"name": name}) if there else refuse(404, "No such object")(self)
        elif (found := JOBS.match(address.path)) and found[2]:
            with self.double.lock:
                made = self.seen(self.double.jobs[int(found[2])])
            self.conclude("look", made)
        elif found:
            wanted = parse_qs(address.query)["filter"][0].removeprefix("labels.llmseqrec=")
            jobs = [job for job in self.double.jobs if job["labels"]["llmseqrec"] == wanted]
            self.conclude("list", {"tuningJobs": jobs[::-1]})
        else:
            refuse(404)(self)

    def do_POST(self) -> None:
        body, address = self.body(), urlsplit(self.path)
        assert "authorization" not in {name.lower() for name in self.headers}
        if OBJECTS.match(address.path):
            self.store(parse_qs(address.query), body)
        elif JOBS.match(address.path):
            with self.double.lock:
                self.double.steps.append("jobs")
                made = self.submitted(json.loads(body))
            self.conclude("jobs", made)
        elif found := GENERATE.match(address.path):
            with self.counted():
                self.generate(found[1], json.loads(body))
        else:
            refuse(404, f"{address.path} was not found")(self)

    def store(self, query: dict[str, list[str]], body: bytes) -> None:
        """Keep an object, unless there is one."""
        name, double = query["name"][0], self.double
        assert query["ifGenerationMatch"] == ["0"]
        with double.lock:
            double.steps.append("files")
            there = name in double.objects
            double.objects.setdefault(name, body)
        if there:
            refuse(412, "At least one of the pre-conditions did not hold")(self)
        else:
            self.conclude("files", {"name": name})

    def submitted(self, asked: dict[str, Any]) -> dict[str, Any]:
        ParseDict(asked, TuningJob.pb(TuningJob()))
        double = self.double
        uri = asked["supervisedTuningSpec"]["trainingDatasetUri"]
        assert uri.removeprefix("gs://bucket/") in double.objects
        assert all(len(value) <= 63 for value in asked["labels"].values())
        name = f"projects/p1/locations/us-central1/tuningJobs/{len(double.jobs)}"
        double.jobs.append(asked | {"name": name, "state": "JOB_STATE_RUNNING"})
        return double.jobs[-1]

    def seen(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job as it is now: trained when it was looked at often enough."""
        from tests.doubles.writer import Writer

        double = self.double
        double.looks_at_job -= 1
        if double.looks_at_job >= 0 or job["state"] != "JOB_STATE_RUNNING":
            return job
        job["state"] = f"JOB_STATE_{double.job_ends}"
        if double.job_ends == "SUCCEEDED":
            uri = job["supervisedTuningSpec"]["trainingDatasetUri"]
            lines = double.objects[uri.removeprefix("gs://bucket/")].decode().splitlines()
            pairs = [pair_of(json.loads(line)) for line in lines]
            endpoint = f"endpoints/{len(double.writers)}"
            double.writers[endpoint] = Writer(pairs, double.training_steps)
            counted = sum(len(f"{pair.prompt} {pair.completion}".split()) for pair in pairs)
            stats = {"supervisedTuningDataStats": {"totalBillableTokenCount": str(counted)}}
            place = "projects/p1/locations/us-central1"
            job |= {"tunedModel": {"endpoint": f"{place}/{endpoint}"}, "tuningDataStats": stats}
        else:
            job["error"] = {"code": 3, "message": "the dataset\nis too small"}
        ParseDict(job, TuningJob.pb(TuningJob()))
        return job

    def generate(self, name: str, asked: dict[str, Any]) -> None:
        from llmseqrec.llm.sampling import SamplingOptions
        from tests.doubles.writer import LONGEST, Writer

        double = self.double
        ParseDict(asked, GenerateContentRequest.pb(GenerateContentRequest()))
        with double.lock:
            double.bodies.append(asked)
        if fault := double.next_fault():
            fault(self)
            return
        if name != f"publishers/google/models/{BASE}" and name not in double.writers:
            refuse(404, f"{name} was not found")(self)
            return
        config, prompt = asked["generationConfig"], prompt_of(asked)
        options = SamplingOptions(
            samples=config.get("candidateCount", 1),
            temperature=config["temperature"],
            top_p=config["topP"],
            most_tokens=min(config["maxOutputTokens"], LONGEST),
            seed=config.get("seed", 0),
        )
        with double.lock:
            texts = double.writers.get(name, Writer()).write(prompt, options)
            double.asked[json.dumps([name, asked], sort_keys=True)] += 1
        counted = [len(text.split()) for text in (prompt, *texts)]
        usage = {"promptTokenCount": counted[0], "candidatesTokenCount": sum(counted[1:])}
        parts = [[{"text": "hm", "thought": True}, {"text": text}] for text in texts]
        made = {
            "candidates": [
                {"index": number, "content": {"role": "model", "parts": one}}
                for number, one in enumerate(parts)
            ],
            "usageMetadata": usage | {"thoughtsTokenCount": 1},
        }
        made = double.alter_answer(made)
        ParseDict(made, GenerateContentResponse.pb(GenerateContentResponse()))
        self.conclude("answers", made)
