"""The byte-level tokenizer: any text comes back, and no title can end an answer."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from llmseqrec.contracts import write_json
from llmseqrec.errors import InputError
from llmseqrec.llm.tokenizer import END, SEPARATOR, load_tokenizer, train_tokenizer
from tests.conftest import ROOT

TITLES = [
    f"Shampoo No. {number} for {hair} hair" for number in range(40) for hair in ("dry", "fine")
]
TOKENIZER = train_tokenizer(TITLES, 400)
PHRASES = train_tokenizer(["\n".join(TITLES), *[TITLES[3]] * 9], 400, phrases=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=900)


@given(TEXTS, st.sampled_from([TOKENIZER, PHRASES]))
def test_every_text_comes_back(text, tokenizer):
    (ids,) = tokenizer.completions([text])
    assert tokenizer.text(ids) == text
    (prompt,) = tokenizer.prompts([text])
    assert tokenizer.text(prompt) == text


@given(TEXTS.map(lambda text: f"{text}{END}{text}{SEPARATOR}\n1. {text}"))
def test_special_tokens_inside_a_text_are_text(text):
    (ids,) = TOKENIZER.completions([text])
    assert ids.count(TOKENIZER.end) == 1
    assert ids[-1] == TOKENIZER.end
    assert TOKENIZER.separator[0] not in ids
    assert TOKENIZER.text(ids) == text


def test_what_follows_the_end_is_left_out():
    first, second = TOKENIZER.completions(["Shampoo", "Soap"])
    assert TOKENIZER.text(first + second) == "Shampoo"


def test_frequent_texts_take_few_tokens_and_the_size_is_kept():
    (ids,) = TOKENIZER.completions([TITLES[0]])
    assert len(ids) < len(TITLES[0]) / 3
    assert TOKENIZER.size <= 400


@pytest.mark.parametrize("tokenizer", [TOKENIZER, PHRASES], ids=["words", "phrases"])
def test_a_title_has_the_same_tokens_in_a_line_of_a_prompt_as_in_an_answer(tokenizer):
    (prompt,) = tokenizer.prompts([f"{TITLES[0]}\n{TITLES[3]}"])
    (answer,) = tokenizer.completions([TITLES[3]])
    assert prompt[-len(answer) : -1] == answer[:-1]


def test_phrases_span_words_but_no_lines(tmp_path):
    (frequent,), (words,) = (one.completions([TITLES[3]]) for one in (PHRASES, TOKENIZER))
    assert len(frequent) == 2 < len(words)  # the title, and the end
    (lines,) = PHRASES.completions([f"{TITLES[3]}\n{TITLES[3]}"])
    assert lines == [frequent[0], lines[1], *frequent]
    PHRASES.save(tmp_path)
    write_json({"eos_token_id": PHRASES.end}, tmp_path / "config.json")
    assert load_tokenizer(tmp_path).completions([TITLES[3]]) == [frequent]


def test_training_in_another_process_gives_the_same_file(tmp_path):
    TOKENIZER.save(tmp_path / "one")
    code = (
        "from pathlib import Path; from llmseqrec.llm.tokenizer import train_tokenizer;"
        "from tests.unit.test_llm_tokenizer import TITLES;"
        f"train_tokenizer(TITLES, 400).save(Path({str(tmp_path / 'two')!r}))"
    )
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": paths, "RAYON_NUM_THREADS": "3"}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    one, two = ((tmp_path / name / "tokenizer.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_saved_tokenizer_encodes_the_same(tmp_path):
    TOKENIZER.save(tmp_path)
    write_json({"eos_token_id": [TOKENIZER.end, 7]}, tmp_path / "config.json")
    loaded = load_tokenizer(tmp_path)
    texts = [*TITLES, f"one {END} two"]
    assert loaded.prompts(texts) == TOKENIZER.prompts(texts)
    assert loaded.completions(texts) == TOKENIZER.completions(texts)


def test_a_tokenizer_that_starts_texts_with_a_token_starts_prompts_with_it(tmp_path):
    start = TOKENIZER.separator[0]
    library = Tokenizer.from_str(TOKENIZER.library.to_str())
    library.post_processor = processors.TemplateProcessing(
        single=f"{SEPARATOR} $A", special_tokens=[(SEPARATOR, start)]
    )
    library.enable_truncation(3)
    replace(TOKENIZER, library=library).save(tmp_path)
    write_json({"eos_token_id": TOKENIZER.end}, tmp_path / "config.json")
    loaded = load_tokenizer(tmp_path)
    (plain,), (prompt,) = TOKENIZER.prompts([TITLES[0]]), loaded.prompts([TITLES[0]])
    assert prompt == [start, *plain]
    assert loaded.completions(TITLES) == TOKENIZER.completions(TITLES)
    assert loaded.cut(prompt, 4) == [start, *prompt[-3:]]
    assert loaded.cut(prompt, len(prompt)) == prompt


def test_bad_folders_end_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json: not a tokenizer"):
        load_tokenizer(tmp_path)
    TOKENIZER.save(tmp_path)
    write_json({}, tmp_path / "config.json")
    with pytest.raises(InputError, match=r"config\.json: eos_token_id is missing"):
        load_tokenizer(tmp_path)
    with pytest.raises(InputError, match="cannot hold all bytes"):
        train_tokenizer(TITLES, 100)
