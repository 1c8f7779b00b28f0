"""From files of prompts to the folder of a language model that was trained on this machine."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from llmseqrec.config import TrainedHere
from llmseqrec.contracts import STEP_HISTORY, atomic_folder, read_json, write_json, write_table
from llmseqrec.errors import InputError
from llmseqrec.llm.decoding import catalogue_trie
from llmseqrec.llm.language_model import LanguageModel
from llmseqrec.llm.model_files import checksums
from llmseqrec.llm.name_loss import name_paths, with_choices
from llmseqrec.llm.pairs import EncodedPairs, Pair
from llmseqrec.llm.prompt_files import read_examples
from llmseqrec.llm.providers.base import Place, TuningFiles
from llmseqrec.llm.training import History, Training, TrainingOptions

logger = logging.getLogger(__name__)

_OPTIONS = tuple(TrainingOptions.__dataclass_fields__)

PairsOfBoth = tuple[Sequence[Pair], Sequence[Pair]]


def pairs_of(files: TuningFiles) -> PairsOfBoth:
    """Pairs to train on, and pairs to validate with."""
    training, validation = (
        [Pair(example.prompt.text, example.answer) for example in read_examples(path)]
        for path in (files.training, files.validation)
    )
    return training, validation


def names_of(files: TuningFiles) -> list[str]:
    """Every answer there can be.

    Raises:
        InputError: they cannot be listed, or the file is none of names.
    """
    names: list[str] = read_json(files.names) if files.names else []
    if not names:
        raise InputError("loss: answers of this task are no names of the catalogue; loss: tokens")
    return names


def train(
    model: LanguageModel,
    pairs: PairsOfBoth,
    settings: TrainedHere,
    place: Place,
    names: Sequence[str] = (),
) -> History:
    """Train what of a model asks for gradients; the history, see `STEP_HISTORY`.

    Args:
        model: on its device.
        pairs: to train on, and to validate with; none of these where there are none.
        settings: how it is trained.
        place: names the seed and the folder of the checkpoint.
        names: among which answers are learned, see `name_loss`; none: among all tokens.
    """
    known = [name for name in _OPTIONS if hasattr(settings, name)]
    options = TrainingOptions(**{name: getattr(settings, name) for name in known})
    encoded = [EncodedPairs.of(part, model.tokenizer, model.context) for part in pairs]
    trie = catalogue_trie(names, model.tokenizer) if names else None
    if trie is not None:
        paths = name_paths(trie, names, model.tokenizer)
        encoded = [with_choices(part, paths, model.tokenizer) for part in encoded]
    logger.info("%d prompts, %d tokens", len(encoded[0]), len(encoded[0].ids))
    valid = encoded[1] if len(encoded[1]) else None
    return Training(model, options, place.state, trie).fit(encoded[0], valid, place.seed)


def write_tuned(
    place: Place, history: History, facts: dict[str, Any], save: Callable[[Path], None]
) -> None:
    """Write the folder of a fine-tuned model, and forget the checkpoint.

    Args:
        place: the folder.
        history: of the training.
        facts: of model.json.
        save: writes the weights into a folder.
    """
    with atomic_folder(place.model) as folder:
        save(folder)
        write_table(pd.DataFrame(history), folder / "history.parquet", STEP_HISTORY)
        steps = int(history[-1]["step"])
        own = {"steps": steps, "cost": None, "files": checksums(folder)}
        write_json(own | facts, folder / "model.json")
    shutil.rmtree(place.state, ignore_errors=True)
