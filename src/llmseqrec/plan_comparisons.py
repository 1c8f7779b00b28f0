"""The part of the plan about paired tests: which runs stand against which. Light to import."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llmseqrec.config import Config, Run

# The model of the plain form, where it has another name.
PLAIN_MODELS = {"sknn_emb": "sknn"}


def pairs_of(config: Config, runs: Sequence[str], beside: Collection[str]) -> list[list[str]]:
    """The pairs to test among the runs of an experiment that can be done.

    Args:
        config: the configuration.
        runs: names of the runs, in the order of the experiment.
        beside: those that stand beside a published row.
    """
    configured = config.comparisons.pairs
    if configured is not None:
        return [list(pair) for pair in configured if all(run in runs for run in pair)]
    plain = [run for run in runs if _is_plain(_form(config, run))]
    found = ((run, _plain_form(config, run, plain, beside)) for run in runs)
    return [[run, partner] for run, partner in found if partner is not None]


def _plain_form(
    config: Config, run: str, plain: Sequence[str], beside: Collection[str]
) -> str | None:
    """The run without item vectors that a run is to be compared with, or None."""
    form = _form(config, run)
    if not _speaks(config, form):
        return None
    model = PLAIN_MODELS.get(form.model, form.model)
    source = config.runs[run].params_from

    def may_meet(other: str) -> bool:
        # Tuning alone would make a difference: tuned runs meet tuned ones, others meet others.
        settings = config.runs[other]
        return settings.model == model and (settings.params_from == "tuned") == (source == "tuned")

    def distance(other: str) -> tuple[bool, bool]:
        return config.runs[other].params_from != source, other not in beside

    partners = [other for other in plain if may_meet(other)]

    return min(partners, key=distance, default=None)  # the first of equally near ones


def _form(config: Config, name: str) -> Run:
    """A run, or the one that a tuned run's search is of: it names the item vectors."""
    run = config.runs[name]
    return config.runs[config.searches[run.search].run] if run.search else run


def _is_plain(run: Run) -> bool:
    return run.embedding is None and not _is_control(run)


def _speaks(config: Config, run: Run) -> bool:
    """Whether it has item vectors of a language model, each with its own item."""
    if run.embedding is None or _is_control(run):
        return False
    return config.embeddings[run.embedding].provider != "hashed_words"


def _is_control(run: Run) -> bool:
    """Whether its item vectors are made to say nothing of the items."""
    return bool(run.parameters.get("item_vectors", {}).get("control", "none") != "none")
