"""What item vectors will ask of paid services, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from llmseqrec.config import Config, Embedding
from llmseqrec.contracts import ITEMS, read_table
from llmseqrec.embeddings.item_text import item_texts
from llmseqrec.embeddings.paid import PaidEmbeddings
from llmseqrec.registry import EMBEDDING_PROVIDERS, UPLOADING, load
from llmseqrec.services.cache import Source
from llmseqrec.services.division import divide
from llmseqrec.services.prices import price_text, usd
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

    @property
    def title(self) -> str:
        """Embedding and dataset."""
        return f"{self.name} of {self.dataset}"

    @property
    def service(self) -> str:
        """Provider and model."""
        return f"{self.source.provider} {self.source.model}"

    @property
    def endpoint(self) -> str:
        """Where texts go."""
        return self.source.endpoint

    @property
    def known(self) -> bool:
        """Whether its price is; nothing to send costs nothing."""
        return self.texts is not None and (self.usd is not None or not self.texts)

    @property
    def amount(self) -> str:
        """How much is to be bought, at which price."""
        if self.texts is None:
            return "unknown, the items are not prepared yet"
        return (
            f"{self.texts:,} texts to send, {self.cached:,} in the cache,"
            f" {self.tokens:,} tokens, {self.requests:,} requests, {price_text(self.usd)}"
        )


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
