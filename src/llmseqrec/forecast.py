"""What a configuration will cost, before anything runs: money, uploads, hours and memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llmseqrec.config import Config, Embedding
from llmseqrec.contracts import ITEMS, read_table
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.plan import Plan
from llmseqrec.registry import EMBEDDING_PROVIDERS, UPLOADING, load
from llmseqrec.services.access import Access
from llmseqrec.services.cache import Source
from llmseqrec.services.division import divide
from llmseqrec.services.prices import usd
from llmseqrec.services.tokens import estimated_tokens
from llmseqrec.uploads import Permission, upload_problem


@dataclass(frozen=True)
class Need:
    """What one embedding of one dataset will ask of a service.

    Attributes:
        problem: why nothing will be sent, or None.
        texts: distinct texts that the cache lacks; None where the items are not prepared yet.
        cached: distinct texts that it has.
        tokens: a cautious estimate.
        usd: the price of `tokens`, None where it is unknown.
        sample: one of the texts.
    """

    dataset: str
    name: str
    source: Source
    problem: str | None
    texts: int | None = None
    cached: int = 0
    tokens: int = 0
    requests: int = 0
    usd: float | None = None
    sample: str = ""


def paid_needs(config: Config, results: Path) -> list[Need]:
    """What every embedding by a service, of every dataset that uses it, will ask for.

    Args:
        config: the configuration.
        results: the folder of results, where items may be prepared already.

    Raises:
        InputError: the file of prices is missing, or a text is longer than a model reads.
    """
    used = dict.fromkeys(
        (e.dataset, config.runs[run].embedding) for e in config.chosen for run in e.runs
    )
    return [
        _need(config, dataset, name, results / dataset / "items.parquet")
        for dataset, name in used
        if name is not None and config.embeddings[name].provider in UPLOADING
    ]


def _need(config: Config, dataset: str, name: str, items: Path) -> Need:
    embedding = config.embeddings[name]
    provider: PaidEmbeddings = load(EMBEDDING_PROVIDERS[embedding.provider])(
        embedding, permission=Permission.of(config, dataset)
    )
    source, access = provider.source, provider.access
    problem = upload_problem(dataset, source.provider, config.datasets[dataset].allow_upload)
    problem = problem or provider.unmet_need(embedding, config.services)
    need = Need(dataset, name, source, problem)
    if not items.is_file():
        return need
    texts = _distinct_texts(config, dataset, embedding, items)
    missing = access.cache.missing(source, texts)
    tokens = sum(map(estimated_tokens, missing))
    return replace(
        need,
        texts=len(missing),
        cached=len(texts) - len(missing),
        tokens=tokens,
        requests=sum(1 for _ in divide(missing, provider.service().limits)),
        usd=usd(tokens, provider.usd_per_million),
        sample=missing[0] if missing else "",
    )


def _distinct_texts(config: Config, dataset: str, embedding: Embedding, items: Path) -> list[str]:
    template = embedding.template or config.datasets[dataset].template
    texts = item_texts(read_table(items, ITEMS, None), template)
    return list(dict.fromkeys(text for text in texts if text.strip()))


def money_lines(config: Config, results: Path) -> Iterator[str]:
    """What will be sent where, and what it will cost, as lines to print."""
    needs = paid_needs(config, results)
    if not needs:
        yield "paid services: none; no text leaves this machine"
        return
    access = Access(Permission("", (), config.max_usd, config.services))
    yield f"paid services (prices of {access.prices.as_of}, tokens estimated from lengths)"
    for need in needs:
        yield f"  {need.name} of {need.dataset}: {_description(need)}"
        if need.sample and not need.problem:
            yield f"    sent to {need.source.endpoint}, such as {need.sample[:60]!r}"
    asked = [need for need in needs if not need.problem]
    yield f"  together: {_total(asked)}"
    balance = access.ledger.balance()
    limit = "no limit (max_usd)" if config.max_usd is None else f"limit {config.max_usd:g} USD"
    yield (
        f"  spent so far: {balance.spent:.4f} USD, {balance.lost:.4f} USD possibly,"
        f" {balance.reserved:.4f} USD in flight; {limit}"
    )


def _description(need: Need) -> str:
    what = f"{need.source.provider} {need.source.model}"
    if need.problem:
        return f"{what}: nothing is sent: {need.problem}"
    if need.texts is None:
        return f"{what}: unknown, the items are not prepared yet"
    return (
        f"{what}: {need.texts:,} texts to send, {need.cached:,} in the cache,"
        f" {need.tokens:,} tokens, {need.requests:,} requests, {_price(need.usd)}"
    )


def _total(needs: Sequence[Need]) -> str:
    if any(need.texts is None or (need.usd is None and need.texts) for need in needs):
        return "unknown"
    return _price(sum(need.usd or 0.0 for need in needs))


def _price(amount: float | None) -> str:
    return "price unknown" if amount is None else f"{amount:.4f} USD"


def machine_lines(plan: Plan, benchmarks: Path) -> Iterator[str]:
    """Hours and GiB of the rules that take long, from what earlier jobs recorded.

    Args:
        plan: of the configuration.
        benchmarks: folder of the recorded benchmarks, logs/benchmark.
    """
    yield "hours and peak memory, as recorded by earlier jobs"
    for rule, jobs in long_jobs(plan).items():
        found = [_recorded(benchmarks / rule / f"{job}.tsv") for job in jobs]
        known = [one for one in found if one is not None]
        if not known:
            yield f"  {rule}: {len(jobs)} jobs, unknown"
            continue
        hours = sum(seconds for seconds, _ in known) / 3600
        memory = max(gib for _, gib in known)
        rest = f", {len(jobs) - len(known)} unknown" if len(known) < len(jobs) else ""
        yield f"  {rule}: {len(jobs)} jobs, {hours:.2f} h, {memory:.1f} GiB{rest}"


def long_jobs(plan: Plan) -> dict[str, list[str]]:
    """Names of the jobs of the rules that take long, as in the names of their benchmark files."""
    pairs = plan.experiments()
    runs = [(*pair, run) for pair in pairs for run in plan.runs_of(*pair)]
    fitted = [
        f"{dataset}.{split}.full.{run}.seed{seed}"
        for dataset, split, run in runs
        if run in plan.fitted
        for seed in plan.seeds_of(dataset, run)
    ]
    embedded = {
        f"{dataset}.{name}" for dataset, _, run in runs if (name := plan.config.runs[run].embedding)
    }
    return {
        "prepare_sessions": sorted({dataset for dataset, _, _ in runs}),
        "embed_items": sorted(embedded),
        "train_model": fitted,
        "recommend": [f"{job}.test" for job in fitted],
        "tie_sensitivity": [
            f"{dataset}.{split}.{run}"
            for dataset, split in pairs
            for run in plan.tie_runs(dataset, split)
        ],
    }


def _recorded(path: Path) -> tuple[float, float] | None:
    """Seconds and GiB of a job, or None where nothing, or no memory, was recorded."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        return float(row["s"]), float(row["max_rss"]) / 1024
    except (OSError, StopIteration, KeyError, ValueError):
        return None


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
