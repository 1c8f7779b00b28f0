"""Texts as tokens, for a language model of our own and for one that brings its tokenizer.

Our own is a byte-level BPE (Sennrich et al., arXiv 1508.07909; bytes as in GPT-2), trained on the
texts it will write: every text can be encoded and comes back unchanged, and no list of unknown
words is needed. A prompt ends with a separator token of its own, so that a title's tokens are the
same at the start of an answer as at the start of a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from llmseqrec.contracts import atomic_path, read_json
from llmseqrec.errors import InputError

FILE = "tokenizer.json"
END, SEPARATOR = "<|end|>", "<|answer|>"
SMALLEST = 256 + 2  # every byte, and the two tokens above


@dataclass(frozen=True)
class TextTokenizer:
    """Encodes prompts and completions, and decodes what a model wrote.

    A special token's name inside a text is text: no title can end an answer.

    Attributes:
        library: the tokenizer proper.
        start: tokens before every prompt.
        separator: tokens between prompt and completion.
        end: token after every completion.
    """

    library: Tokenizer
    start: tuple[int, ...]
    separator: tuple[int, ...]
    end: int

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return self.library.get_vocab_size()

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, up to where the completion begins."""
        return [[*self.start, *ids, *self.separator] for ids in self._encode(texts)]

    def cut(self, prompt: list[int], most: int) -> list[int]:
        """A prompt's last tokens, behind its start tokens, where it has more than `most`."""
        if len(prompt) <= most:
            return prompt
        kept = max(1, most - len(self.start))
        return [*self.start, *prompt[-kept:]]

    def completions(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of completions, the end token included."""
        return [[*ids, self.end] for ids in self._encode(texts)]

    def text(self, ids: Sequence[int]) -> str:
        """The text of a completion; what follows the end token is left out."""
        kept = list(ids)
        if self.end in kept:
            kept = kept[: kept.index(self.end)]
        return self.library.decode(kept, skip_special_tokens=True)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json."""
        with atomic_path(folder / FILE) as temporary:
            self.library.save(str(temporary))

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self.library.encode_batch(list(texts), add_special_tokens=False)
        return [one.ids for one in encoded]


def train_tokenizer(
    texts: Iterable[str], size: int = 8192, *, phrases: bool = False
) -> TextTokenizer:
    """A byte-level BPE of texts; the same texts in the same order give the same tokenizer.

    Args:
        texts: what it will have to write, such as the item texts of a catalogue.
        size: tokens at most; fewer where the texts hold no more pairs to merge.
        phrases: tokens may span words, but no line break (Liu et al., SuperBPE, arXiv 2503.13423,
            without its first stage): frequent titles become single tokens.

    Raises:
        InputError: the size has no room for all bytes.
    """
    if size < SMALLEST:
        raise InputError(f"vocabulary: {size} tokens cannot hold all bytes; at least {SMALLEST}")
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = (
        _lines() if phrases else pre_tokenizers.ByteLevel(add_prefix_space=False)
    )
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END, SEPARATOR],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    library.train_from_iterator(texts, trainer)
    return _wrapped(library, library.get_vocab()[END])


def _lines() -> pre_tokenizers.PreTokenizer:
    """Cuts texts at line breaks alone."""
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split("\n", "isolated"), bytes_])


def load_tokenizer(folder: Path) -> TextTokenizer:
    """The tokenizer of a model folder, ours or another's.

    Start tokens are those that the tokenizer itself puts before a text; the end token is the one
    that the model's configuration names, the first if it names several.

    Raises:
        InputError: the folder lacks tokenizer.json or an end token, or the file is broken.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(f"{folder}: no {FILE}; the model needs one in the tokenizers format")
    try:
        library = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise InputError(f"{path}: not a tokenizer: {error}") from error
    return _wrapped(library, _end_token(folder / "config.json"))


def _end_token(config: Path) -> int:
    end: Any = read_json(config).get("eos_token_id")
    if isinstance(end, list) and end:
        end = end[0]
    if not isinstance(end, int):
        raise InputError(f"{config}: eos_token_id is missing")
    return end


def _wrapped(library: Tokenizer, end: int) -> TextTokenizer:
    start = tuple(library.encode("").ids)
    library.encode_special_tokens = True
    library.no_truncation()
    library.no_padding()
    separator = library.token_to_id(SEPARATOR)
    return TextTokenizer(library, start, () if separator is None else (separator,), end)
