"""Fingerprints of code, which Snakemake asks for once a job."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from llmseqrec import plan
from llmseqrec.config import parse_config
from llmseqrec.provenance import code_fingerprint
from tests.conftest import ROOT, tiny_content


def test_jobs_of_equal_code_share_one_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    content = tiny_content(Path("raw"))
    content["datasets"]["tiny"] |= {"raw_dir": None, "raw": {}, "private": True}
    runs = {f"run{n}": {"display": f"R{n}", "model": "sknn"} for n in range(50)}
    content["runs"] |= runs
    content["experiments"] = [
        {"dataset": "tiny", "split": "temporal", "runs": [*runs, "most_popular"]}
    ]
    made = plan.Plan(parse_config(content), ROOT)
    computed: list[tuple[str, ...]] = []

    def counted(script: Path, modules: tuple[str, ...]) -> str:
        computed.append((script.stem, *modules))
        return code_fingerprint(script, modules)

    monkeypatch.setattr(plan, "code_fingerprint", counted)
    jobs = [SimpleNamespace(dataset="tiny", run=run) for run in [*runs, "most_popular"]]
    found = {rule: [made.run_code(rule, job) for job in jobs] for rule in ("recommend", "evaluate")}
    assert len(computed) == len(set(computed)) == 4  # two rules, two models
    for codes in found.values():
        assert len(set(codes[:50])) == 1
        assert codes[50] != codes[0]
    assert found["recommend"][0] != found["evaluate"][0]
