"""What a configuration will cost, before anything runs: money, uploads, hours and memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from llmseqrec.config import Config
from llmseqrec.forecast_prompts import prompt_needs
from llmseqrec.forecast_vectors import paid_needs
from llmseqrec.measurements import read_measurement
from llmseqrec.plan import Plan
from llmseqrec.services.access import Access
from llmseqrec.services.prices import price_text
from llmseqrec.uploads import Permission


class Asked(Protocol):
    """What will be asked of a service, of whatever kind."""

    @property
    def title(self) -> str:
        """Who asks."""
        ...

    @property
    def service(self) -> str:
        """Provider and model."""
        ...

    @property
    def endpoint(self) -> str:
        """Where texts go."""
        ...

    @property
    def problem(self) -> str | None:
        """Why nothing will be sent, or None."""
        ...

    @property
    def amount(self) -> str:
        """How much is to be bought, at which price."""
        ...

    @property
    def known(self) -> bool:
        """Whether the price is."""
        ...

    @property
    def usd(self) -> float | None:
        """The price, None where it is unknown."""
        ...

    @property
    def sample(self) -> str:
        """One of the texts."""
        ...


def money_lines(config: Config, results: Path) -> Iterator[str]:
    """What will be sent where, and what it will cost, as lines to print."""
    needs: list[Asked] = [*paid_needs(config, results), *prompt_needs(config, results)]
    if not needs:
        yield "paid services: none; no text leaves this machine"
        return
    access = Access(Permission("", (), config.max_usd, config.services))
    yield f"paid services (prices of {access.prices.as_of}, tokens estimated from lengths)"
    for need in needs:
        told = f"nothing is sent: {need.problem}" if need.problem else need.amount
        yield f"  {need.title}: {need.service}: {told}"
        if need.sample and not need.problem:
            yield f"    sent to {need.endpoint}, such as {need.sample[:60]!r}"
    yield f"  together: {_total([need for need in needs if not need.problem])}"
    balance = access.ledger.balance()
    limit = "no limit (max_usd)" if config.max_usd is None else f"limit {config.max_usd:g} USD"
    yield (
        f"  spent so far: {balance.spent:.4f} USD, {balance.lost:.4f} USD possibly,"
        f" {balance.reserved:.4f} USD in flight; {limit}"
    )


def _total(needs: Sequence[Asked]) -> str:
    if not all(need.known for need in needs):
        return "unknown"
    return price_text(sum(need.usd or 0.0 for need in needs))


def machine_lines(plan: Plan, benchmarks: Path) -> Iterator[str]:
    """Hours and GiB of the rules that take long, from what earlier jobs recorded.

    Args:
        plan: of the configuration.
        benchmarks: folder of the recorded benchmarks, logs/benchmark.
    """
    yield "hours and peak memory, as recorded by earlier jobs"
    for rule, jobs in long_jobs(plan).items():
        found = [read_measurement(benchmarks / rule / f"{job}.tsv") for job in jobs]
        known = [(one.seconds, one.peak_mb) for one in found if one and one.peak_mb is not None]
        if not known:
            yield f"  {rule}: {len(jobs)} jobs, unknown"
            continue
        hours = sum(seconds for seconds, _ in known) / 3600
        memory = max(peak_mb for _, peak_mb in known) / 1024
        rest = f", {len(jobs) - len(known)} unknown" if len(known) < len(jobs) else ""
        yield f"  {rule}: {len(jobs)} jobs, {hours:.2f} h, {memory:.1f} GiB{rest}"


def long_jobs(plan: Plan) -> dict[str, list[str]]:
    """Names of the jobs of the rules that take long, as in the names of their benchmark files."""
    pairs = plan.experiments()
    runs = [(*pair, run) for pair in pairs for run in plan.runs_of(*pair)]
    jobs = [
        (run, f"{dataset}.{split}.full.{run}.seed{seed}")
        for dataset, split, run in runs
        for seed in plan.seeds_of(dataset, run)
    ]
    configured = plan.config.runs
    fitted = [job for run, job in jobs if run in plan.fitted]
    embedded = {
        f"{dataset}.{name}" for dataset, _, run in runs if (name := plan.config.runs[run].embedding)
    }
    named = {
        "prepare_sessions": sorted({dataset for dataset, _, _ in runs}),
        "embed_items": sorted(embedded),
        "train_model": fitted,
        "recommend": [f"{job}.test" for job in fitted],
        "finetune_llm": [job for run, job in jobs if configured[run].tuned],
        "generate": [f"{job}.test" for run, job in jobs if configured[run].prompted],
        "tie_sensitivity": [
            f"{dataset}.{split}.{run}"
            for dataset, split in pairs
            for run in plan.tie_runs(dataset, split)
        ],
    }
    return {rule: names for rule, names in named.items() if names}


def not_run_lines(plan: Plan) -> Iterator[str]:
    """The runs that cannot be done here, by reason."""
    reasons: dict[str, list[str]] = {}
    for (dataset, split, run), reason in plan.not_run.items():
        reasons.setdefault(reason, []).append(f"{run} ({dataset}, {split})")
    if reasons:
        yield "not run"
    for reason, runs in reasons.items():
        more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        yield f"  {reason}: {', '.join(runs[:3])}{more}"
