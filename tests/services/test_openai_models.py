"""Fine-tuning and answers by `openai`: the real client, a server that really trains."""

import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from llmseqrec.config import OpenAIModelSettings
from llmseqrec.contracts import STEP_HISTORY, read_json, read_table
from llmseqrec.errors import InputError
from llmseqrec.llm.providers.openai import OpenAIProvider
from tests.doubles.openai_models import BASE, RETIRED, OpenAIModelsDouble, OpenAIModelsHandler
from tests.doubles.server import Fault, Handler, drop, refuse, serving, truncate
from tests.services.language_models import (
    NAMES,
    NEXT,
    QUESTIONS,
    kill_at,
    permission,
    place,
    question,
    request,
    tuning_files,
)

KEY = OpenAIModelsDouble.key
Make = Callable[..., OpenAIProvider]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIModelsDouble]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with serving(OpenAIModelsHandler, OpenAIModelsDouble()) as made:
        yield made


def provider_at(
    folder: Path, url: str, money: float | None = 1.0, keys: Any = None, **services: Any
) -> OpenAIProvider:
    settings = OpenAIModelSettings(
        **{"provider": "openai", "model": BASE, "base_url": f"{url}/v1"} | (keys or {})
    )
    return OpenAIProvider(settings, "cpu", permission(folder, "openai", money, **services))


@pytest.fixture
def provider(double: OpenAIModelsDouble, tmp_path: Path) -> Make:
    """Makes a provider; `money` is max_usd, `services` are keys of the services."""

    def make(money: float | None = 1.0, services: Any = None, **keys: Any) -> OpenAIProvider:
        return provider_at(tmp_path, double.url, money, keys, **(services or {}))

    return make


def tuned(made: OpenAIProvider, folder: Path, run: str = "run") -> dict[str, Any]:
    made.finetune(tuning_files(folder), place(folder, run))
    return read_json(folder / run / "model.json")


def states(folder: Path) -> list[str]:
    return [read_json(path)["state"] for path in (folder / "jobs").glob("*.json")]


def test_upload_job_poll_and_answers_of_a_model_that_was_trained(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.training_steps = 400
    facts = tuned(provider(), tmp_path)
    assert facts["model"] == f"ft:{BASE}:org:llmseqrec:ftjob-0"
    assert facts["base"] == BASE
    assert double.steps == ["files", "files", "jobs"]
    asked = provider()
    found = asked.answers(tmp_path / "run", QUESTIONS, request(3))
    assert found == [[NEXT[name]] * 3 for name in NAMES]
    assert {body["model"] for body in double.bodies} == {facts["model"]}
    assert asked.cost()["requests"] == len(NAMES)
    base = provider().answers(None, QUESTIONS[:1], request(2))
    assert base == [["rose soap again 0", "rose soap again 1"]]


def test_the_money_is_what_the_service_counted(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.training_steps = 400
    made = provider(epochs=2)
    facts = tuned(made, tmp_path)
    trained = 2 * len(NAMES) * 8  # words of question and answer
    assert facts["cost"] == {"requests": 1, "tokens": trained, "usd": trained * 3 / 1e6}
    made.answers(tmp_path / "run", QUESTIONS, request(20))
    # Six words a question, once for 20 answers of two words.
    usd = len(NAMES) * (6 * 0.30 + 40 * 1.20) / 1e6
    assert made.cost() == {"requests": 6, "tokens": 6 * 46, "usd": pytest.approx(usd)}
    balance = made.access.ledger.balance()
    assert balance.spent == pytest.approx(facts["cost"]["usd"] + usd)
    assert (balance.reserved, balance.lost) == (0, 0)


def test_runs_that_only_ask_differently_share_one_job(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    first, second = tuned(provider(), tmp_path, "a"), tuned(provider(), tmp_path, "b")
    assert first == second
    assert double.steps.count("jobs") == 1
    third = tuned(provider(epochs=2), tmp_path, "c")
    assert third["model"] != first["model"]
    assert double.steps == ["files", "files", "jobs", "jobs"]  # the files are there already


def test_a_job_is_found_again_when_its_state_is_lost(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    first = tuned(provider(), tmp_path)
    for path in (tmp_path / "jobs").iterdir():
        path.unlink()
    assert tuned(provider(), tmp_path) == first
    assert double.steps == ["files", "files", "jobs"]


def test_losses_of_the_training_are_kept(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    tuned(provider(), tmp_path)
    written = read_table(tmp_path / "run" / "history.parquet", STEP_HISTORY)
    assert written.to_dict("list") == {
        "step": [10, 20],
        "loss": [pytest.approx(float("nan"), nan_ok=True), 0.05],
        "validation": [0.2, 0.1],
    }
    double.jobs.clear()  # a second look at the same job is none at the service
    tuned(provider(), tmp_path, "again")
    again = read_table(tmp_path / "again" / "history.parquet", STEP_HISTORY)
    pd.testing.assert_frame_equal(again, written)


def test_a_deleted_model_is_trained_anew_once_its_state_is_gone(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    first = tuned(provider(), tmp_path)
    del double.models[first["model"]]
    for path in (tmp_path / "jobs").iterdir():
        path.unlink()
    assert tuned(provider(), tmp_path)["model"] != first["model"]


def test_a_server_without_a_path_for_models_is_given_no_second_job(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.knows_models = False
    first = tuned(provider(), tmp_path)
    for path in (tmp_path / "jobs").iterdir():
        path.unlink()
    assert tuned(provider(), tmp_path) == first
    assert double.steps == ["files", "files", "jobs"]


def test_without_validation_no_file_is_sent_for_it(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    provider().finetune(tuning_files(tmp_path, validation=False), place(tmp_path))
    assert double.steps == ["files", "jobs"]
    assert double.jobs["ftjob-0"]["validation_file"] is None


def test_answers_are_never_asked_for_twice(provider: Make, double: OpenAIModelsDouble) -> None:
    first = provider().answers(None, QUESTIONS, request(2))
    again = provider().answers(None, QUESTIONS[::-1] + QUESTIONS[:1], request(2))
    assert again == first[::-1] + first[:1]
    assert list(double.asked.values()) == [1] * len(NAMES)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5}, {"top_p": 0.5}, {"max_tokens": 9}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_an_answer_is_in_its_key(
    provider: Make, double: OpenAIModelsDouble, change: dict
) -> None:
    provider().answers(None, QUESTIONS[:1], request())
    provider().answers(None, QUESTIONS[:1], request(**change))
    assert len(double.bodies) == 2


def test_many_samples_take_several_requests_with_seeds_of_their_own(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    found = provider(samples_a_request=8).answers(None, QUESTIONS[:1], request(20))
    assert [len(texts) for texts in found] == [20]
    assert [(body["n"], body["seed"]) for body in double.bodies] == [
        (8, 1000),
        (8, 1001),
        (4, 1002),
    ]


def test_equal_requests_without_a_seed_are_told_apart(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    found = provider(samples_a_request=1, seeded=False).answers(None, QUESTIONS[:1], request(3))
    assert len(found[0]) == 3
    assert len(double.bodies) == 3
    assert all("seed" not in body for body in double.bodies)


def test_seeds_are_answers_of_their_own_where_none_is_sent(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    made = provider(samples_a_request=1, seeded=False)
    for seed in (1, 2, 1):
        made.answers(None, QUESTIONS[:1], dataclasses.replace(request(2), seed=seed))
    assert len(double.bodies) == 4


def test_settings_of_a_model_are_sent(provider: Make, double: OpenAIModelsDouble) -> None:
    provider(reasoning_effort="none").answers(None, QUESTIONS[:1], request(1, top_p=0.25))
    assert double.bodies == [
        {
            "model": BASE,
            "n": 1,
            "temperature": 0,
            "top_p": 0.25,
            "messages": [
                {"role": "system", "content": "What is bought next?"},
                {"role": "user", "content": NAMES[0]},
            ],
            "max_completion_tokens": 20,
            "seed": 1000,
            "reasoning_effort": "none",
        }
    ]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("base_url", "http://me:secret@host", "a user name or password"),
        ("samples_a_request", 129, "less than or equal to 128"),
        ("temperature", 1, "Extra inputs"),
    ],
)
def test_settings_that_mean_nothing_are_refused(key: str, value: object, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        OpenAIModelSettings(**{"provider": "openai", "model": BASE, key: value})


def test_a_model_of_texts_is_trained_and_asked_with_texts(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.training_steps = 400
    made = provider(None, model="babbage-002", completions=True)
    made.finetune(tuning_files(tmp_path, chat=False, validation=False), place(tmp_path))
    line = json.loads(double.files["file-0"].splitlines()[0])
    assert line == {
        "prompt": "What is bought next?\nrose soap",
        "completion": "rose oil ###",
    }
    found = made.answers(tmp_path / "run", [question(NAMES[0], chat=False)], request(2))
    assert found == [["rose oil", "rose oil"]]  # the service cuts at the stop text
    assert double.bodies[0]["stop"] == " ###"
    assert read_json(tmp_path / "run" / "model.json")["cost"]["usd"] is None  # unknown price


def test_a_chat_model_gets_a_text_as_a_message(provider: Make, double: OpenAIModelsDouble) -> None:
    provider().answers(None, [question("x", chat=False)], request())
    assert double.bodies[0]["messages"] == [{"role": "user", "content": "What is bought next?\nx"}]


def storm(count: int) -> list[Fault]:
    return [refuse(429, "rate_limit_exceeded", retry_after_ms="1") for _ in range(count)]


def test_a_storm_of_refusals_is_waited_out(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    for step in ("files", "jobs", "look"):
        double.step_faults[step] = [refuse(429, "x", retry_after="0")] * 2
    double.faults = storm(12)
    facts = tuned(provider(services={"attempts": 15}), tmp_path)
    found = provider(services={"attempts": 15}).answers(tmp_path / "run", QUESTIONS, request())
    assert len(found) == len(NAMES)
    assert double.steps == ["files", "files", "jobs"]
    assert len(double.jobs) == 1
    assert list(double.asked.values()) == [1] * len(NAMES)
    assert facts["model"] in double.models


@pytest.mark.parametrize("fault", [drop, truncate, refuse(503, retry_after="0")])
def test_a_lost_answer_makes_nothing_twice(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, fault: Fault
) -> None:
    double.step_faults = {step: [fault] for step in ("files", "jobs", "look", "list")}
    tuned(provider(), tmp_path)
    assert double.steps == ["files", "files", "jobs"]
    assert states(tmp_path) == ["succeeded"]


@pytest.mark.parametrize("lost", [drop, refuse(502), refuse(504)])
@pytest.mark.parametrize(
    "away", [refuse(429, retry_after="0"), refuse(503, retry_after="0"), refuse(401)]
)
def test_a_restart_that_cannot_look_forgets_no_job(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, lost: Fault, away: Fault
) -> None:
    double.step_faults = {"jobs": [lost]}
    with pytest.raises(InputError, match="fine-tuning: "):
        tuned(provider(services={"attempts": 1}), tmp_path)
    double.step_faults = {"list": [away] * 3}
    with pytest.raises(InputError, match="fine-tuning: "):
        tuned(provider(), tmp_path)
    assert states(tmp_path) == ["submitting"]
    assert provider().access.ledger.balance().reserved > 0
    double.step_faults = {}
    assert tuned(provider(), tmp_path)["job"] == "ftjob-0"
    assert double.steps == ["files", "files", "jobs"]


@pytest.mark.parametrize(
    ("end", "reason", "lost"),
    [
        ("failed", "ftjob-0 failed: the file has too few examples; run again", False),
        ("cancelled", "ftjob-0 cancelled; run again", True),
    ],
)
def test_a_job_that_does_not_succeed_is_one_line_and_can_be_tried_again(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, end: str, reason: str, lost: bool
) -> None:
    double.job_ends = end
    with pytest.raises(InputError, match=reason) as caught:
        tuned(provider(), tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
    balance = provider().access.ledger.balance()
    assert (balance.lost > 0, balance.reserved) == (lost, 0)
    double.job_ends, double.looks_at_job = "succeeded", 0
    assert tuned(provider(), tmp_path)["job"] == "ftjob-1"


@pytest.mark.parametrize("step", ["files", "jobs"])
def test_a_quota_that_is_used_up_stops_at_once_and_costs_nothing(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, step: str
) -> None:
    def used_up(handler: Handler) -> None:
        double.jobs.clear()  # refused, so not made
        refuse(429, "insufficient_quota", "You exceeded your quota")(handler)

    double.step_faults = {step: [used_up]}
    with pytest.raises(InputError, match=rf"^openai {BASE}: fine-tuning: .*exceeded your quota"):
        tuned(provider(), tmp_path)
    assert double.steps.count(step) == 1
    assert states(tmp_path) == []
    balance = provider().access.ledger.balance()
    assert (balance.reserved, balance.lost, balance.spent) == (0, 0, 0)
    assert tuned(provider(), tmp_path)["model"]


def test_a_job_that_takes_too_long_is_left_to_the_service(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    double.looks_at_job = 3
    with pytest.raises(InputError, match=r"ftjob-0 is running after 1e-09 hours .*wait on"):
        tuned(provider(services={"job_hours": 1e-9}), tmp_path)
    assert states(tmp_path) == ["submitted"]
    assert provider().access.ledger.balance().reserved > 0
    assert tuned(provider(), tmp_path)["job"] == "ftjob-0"


def _work(folder: Path, url: str) -> None:
    os.environ["OPENAI_API_KEY"] = KEY
    made = provider_at(folder, url)
    tuned(made, folder)
    made.answers(folder / "run", QUESTIONS, request())


@pytest.mark.parametrize("step", ["files", "jobs", "look", "answers"])
def test_a_killed_process_is_taken_up_and_nothing_is_made_twice(
    double: OpenAIModelsDouble, tmp_path: Path, step: str
) -> None:
    kill_at(double, step, _work, tmp_path)
    made = provider_at(tmp_path, double.url)
    tuned(made, tmp_path)
    assert len(made.answers(tmp_path / "run", QUESTIONS, request())) == len(NAMES)
    assert double.steps == ["files", "files", "jobs"]
    # An answer that was on its way is lost; nothing else is asked for again.
    assert sum(double.asked.values()) == len(NAMES) + (step == "answers")
    balance = made.access.ledger.balance()
    assert balance.reserved == 0
    assert (balance.lost > 0) == (step == "answers")


def test_nothing_is_sent_without_permission(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    closed = OpenAIProvider(provider().settings, permission=permission(tmp_path, "vertex"))
    with pytest.raises(InputError, match=r"datasets\.tiny: .* may not be sent to openai"):
        tuned(closed, tmp_path)
    with pytest.raises(InputError, match="may not be sent to openai"):
        closed.answers(None, QUESTIONS, request())
    assert double.steps == []
    assert double.bodies == []


@pytest.mark.parametrize("model", [RETIRED, "gpt-none"])
def test_a_model_that_is_gone_is_told_before_anything_is_sent(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, model: str
) -> None:
    with pytest.raises(InputError, match=rf"{model} (was retired on 2026-10-23|is not served)"):
        tuned(provider(None, model=model), tmp_path)
    with pytest.raises(InputError, match=model):
        provider(None, model=model).answers(None, QUESTIONS, request())
    assert double.steps == []
    assert double.bodies == []


def test_money_is_asked_before_anything_is_sent(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="max_usd: 1e-09 would be passed"):
        tuned(provider(1e-9), tmp_path)
    with pytest.raises(InputError, match="max_usd"):
        provider(1e-9).answers(None, QUESTIONS, request())
    with pytest.raises(InputError, match="price of openai babbage-002 is unknown"):
        provider(1.0, model="babbage-002").answers(None, QUESTIONS, request())
    assert double.steps == []
    assert double.bodies == []
    assert states(tmp_path) == []


def test_a_server_that_ignores_the_number_of_answers_is_told(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    double.alter_answer = lambda made: made | {"choices": made["choices"][:1]}
    with pytest.raises(InputError, match=r"1 texts for 20; .* samples_a_request: 1"):
        provider().answers(None, QUESTIONS[:1], request(20))
    assert len(double.bodies) == 1
    assert provider(samples_a_request=1).answers(None, QUESTIONS[:1], request(20))


def _nothing(made: dict) -> dict:
    return made | {"usage": None}


def _number(made: dict) -> dict:
    return made | {"choices": [{"index": 0, "message": {"content": 3}}]}


@pytest.mark.parametrize("alter", [_nothing, _number, lambda made: made | {"choices": "zzz"}])
def test_an_answer_of_another_form_is_refused_and_not_bought_again(
    provider: Make, double: OpenAIModelsDouble, alter: Callable[[dict], dict]
) -> None:
    double.alter_answer = alter
    with pytest.raises(InputError, match="unusable answer"):
        provider().answers(None, QUESTIONS[:1], request())
    assert len(double.bodies) == 1
    assert provider().access.ledger.balance().lost > 0


def test_a_model_that_declines_has_answered_nothing(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    declined = [{"index": 0, "message": {"content": None, "refusal": "no"}}]
    double.alter_answer = lambda made: made | {"choices": declined}
    assert provider().answers(None, QUESTIONS[:1], request()) == [[""]]


def test_the_key_reaches_no_file_and_no_message(
    provider: Make,
    double: OpenAIModelsDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    tuned(provider(), tmp_path)
    provider(batch=True).answers(tmp_path / "run", QUESTIONS, request())
    wrong = "sk-wrong-0123456789abcdef"
    monkeypatch.setenv("OPENAI_API_KEY", wrong)
    with pytest.raises(InputError, match="OPENAI_API_KEY is not accepted") as caught:
        tuned(provider(epochs=3), tmp_path)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (KEY, wrong):
        assert secret.encode() not in written
        assert secret not in str(caught.value) + caplog.text


def test_what_is_missing_is_known_without_asking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    services = permission(tmp_path, "openai").services

    def need(model: str) -> str | None:
        return OpenAIProvider.unmet_need(
            OpenAIModelSettings(provider="openai", model=model), services
        )

    assert need(BASE) == "no OPENAI_API_KEY"
    assert (
        need(RETIRED) == f"{RETIRED} was retired on 2026-10-23, and the cache has no answers of it"
    )
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert need(BASE) is None


def test_what_was_bought_needs_no_key(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = tuned(provider(), tmp_path)
    found = provider().answers(tmp_path / "run", QUESTIONS, request())
    monkeypatch.delenv("OPENAI_API_KEY")
    made = provider()
    assert OpenAIProvider.unmet_need(made.settings, made.access.services) is None
    assert tuned(made, tmp_path, "again") == facts
    assert made.answers(tmp_path / "again", QUESTIONS, request()) == found


def test_half_the_price_by_one_batch(
    provider: Make, double: OpenAIModelsDouble, tmp_path: Path
) -> None:
    made = provider(batch=True)
    double.looks = 3
    found = made.answers(None, QUESTIONS, request(2))
    assert found == [[f"{name} again 0", f"{name} again 1"] for name in NAMES]
    assert provider().answers(None, QUESTIONS, request(2)) == found
    assert double.steps == ["files", "batches"]
    assert double.bodies == []
    usd = len(NAMES) * (6 * 0.075 + 8 * 0.30) / 1e6
    assert made.cost()["usd"] == pytest.approx(usd)
    assert made.access.ledger.balance().spent == pytest.approx(usd)


def test_rows_that_a_batch_lacks_are_asked_for_again_alone(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    double.omit, double.spoil = {1}, {4}  # the rest comes last first
    with pytest.raises(InputError, match="2 of 6 requests failed: no such luck; what is missing"):
        provider(batch=True).answers(None, QUESTIONS, request())
    double.omit, double.spoil = set(), set()
    found = provider(batch=True).answers(None, QUESTIONS, request())
    assert found == [[f"{name} again 0"] for name in NAMES]
    assert list(double.asked.values()) == [1] * len(NAMES)


@pytest.mark.parametrize("end", ["expired", "cancelled", "failed"])
def test_a_batch_that_ends_too_early_keeps_what_was_answered(
    provider: Make, double: OpenAIModelsDouble, end: str
) -> None:
    double.batch_ends, double.omit = end, {0, 1, 2, 3}
    with pytest.raises(InputError, match=f"4 of 6 requests failed: {end}; what is missing"):
        provider(batch=True).answers(None, QUESTIONS, request())
    double.batch_ends, double.omit = "completed", set()
    assert len(provider(batch=True).answers(None, QUESTIONS, request())) == len(NAMES)
    assert list(double.asked.values()) == [1] * len(NAMES)
    assert provider().access.ledger.balance().reserved == 0


def test_a_quota_that_is_used_up_while_asking_keeps_what_was_answered(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    provider().answers(None, QUESTIONS[:2], request())
    double.faults = [refuse(429, "insufficient_quota", "You exceeded your quota")]
    with pytest.raises(InputError, match=rf"^openai {BASE}: .*exceeded your quota"):
        provider().answers(None, QUESTIONS, request())
    assert len(double.bodies) == 3  # nothing follows
    assert len(provider().answers(None, QUESTIONS, request())) == len(NAMES)
    assert list(double.asked.values()) == [1] * len(NAMES)


def test_a_result_file_that_ends_too_early_is_read_again(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    whole = dict[str, bytes]()

    class Cut(dict):  # lacks the end of a result file at the first look
        def __getitem__(self, name: str) -> bytes:
            content: bytes = super().__getitem__(name)
            if name != "file-0" and name not in whole:
                whole[name] = content
                return content[:-20]
            return content

    double.files = Cut(double.files)
    found = provider(batch=True).answers(None, QUESTIONS, request())
    assert found == [[f"{name} again 0"] for name in NAMES]
    assert len(whole) == 1
    assert double.steps == ["files", "batches"]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85"])
def test_an_answer_of_a_batch_may_hold_any_sign(
    provider: Make, double: OpenAIModelsDouble, sign: str
) -> None:
    def alter(made: dict) -> dict:
        for choice in made["choices"]:
            choice["message"]["content"] = f"a{sign}b"
        return made

    double.alter_answer = alter
    assert provider(batch=True).answers(None, QUESTIONS[:2], request()) == [[f"a{sign}b"]] * 2


def test_a_line_that_cannot_be_read_is_one_request_that_failed(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    whole = double.files

    class Broken(dict):  # its second line is no JSON, however often it is read
        def __getitem__(self, name: str) -> bytes:
            content: bytes = super().__getitem__(name)
            return content if name == "file-0" else content.replace(b"}\n{", b"}\n}", 1)

    double.files = Broken(whole)
    with pytest.raises(InputError, match="1 of 6 requests failed: unreadable answer"):
        provider(batch=True).answers(None, QUESTIONS, request())
    double.files = dict(double.files)
    assert len(provider(batch=True).answers(None, QUESTIONS, request())) == len(NAMES)
    assert sum(double.asked.values()) == len(NAMES) + 1


def test_answers_of_a_batch_that_cannot_be_used_are_paid_for(
    provider: Make, double: OpenAIModelsDouble
) -> None:
    double.alter_answer = lambda made: made | {"choices": made["choices"][:1]}
    with pytest.raises(InputError, match="6 of 6 requests failed: unusable answer: 1 texts for 2"):
        provider(batch=True).answers(None, QUESTIONS, request(2))
    balance = provider().access.ledger.balance()
    assert balance.spent == pytest.approx(len(NAMES) * (6 * 0.075 + 8 * 0.30) / 1e6)
    assert balance.reserved == 0


@pytest.mark.parametrize("step", ["files", "batches"])
def test_a_killed_batch_is_taken_up(double: OpenAIModelsDouble, tmp_path: Path, step: str) -> None:
    kill_at(double, step, _ask_by_batch, tmp_path)
    _ask_by_batch(tmp_path, double.url)
    assert double.steps.count("batches") == 1
    assert list(double.asked.values()) == [1] * len(NAMES)


def _ask_by_batch(folder: Path, url: str) -> None:
    os.environ["OPENAI_API_KEY"] = KEY
    provider_at(folder, url, keys={"batch": True}).answers(None, QUESTIONS, request())
