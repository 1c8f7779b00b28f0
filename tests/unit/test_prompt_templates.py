"""Template files: the project's own are sound, and each mistake is told in one line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from llmseqrec.errors import InputError
from llmseqrec.llm.templates import Template, read_template, template_path
from tests.conftest import ROOT
from tests.unit.prompt_tasks import STYLES, TASK_NAMES

GOOD = {"user": "{items}", "answer": "{name}"}


def written(folder: Path, content: Any) -> Path:
    path = folder / "own.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", TASK_NAMES)
def test_the_project_has_every_task_in_every_style(name: str, style: str) -> None:
    template = read_template(template_path(name, None, ROOT), name, style)
    assert "{items}" in template.user


def test_a_file_of_the_users_own_is_taken(tmp_path: Path) -> None:
    own = written(tmp_path, {"chat": GOOD | {"system": "Name {k} {{things}}."}})
    template = read_template(template_path("gen_item", own, ROOT), "gen_item", "chat")
    assert template.system.format(k=3) == "Name 3 {things}."


WRONG = [
    ({"plain": GOOD}, "no style 'chat'; it has plain"),
    ("- a list", "must hold a mapping"),
    ("chat: {", "not valid YAML, line 1"),
    ({"chat": "text"}, "chat"),
    ({"chat": GOOD | {"sytem": ""}}, "chat: sytem: unknown key"),
    ({"chat": {"user": "{items}"}}, "chat: answer: required key is missing"),
    ({"chat": GOOD | {"user": "Items:"}}, r"chat\.user: the placeholder {items} is missing"),
    ({"chat": GOOD | {"answer": "name"}}, r"chat\.answer: the placeholder {name} is missing"),
    ({"chat": GOOD | {"answer": "{name} {name}"}}, r"chat\.answer: .*{name} stands there twice"),
    ({"chat": GOOD | {"item": "{number}."}}, r"chat\.item: the placeholder {name} is missing"),
    ({"chat": GOOD | {"user": "{items} {itmes}"}}, r"chat\.user: unknown placeholder {itmes}"),
    ({"chat": GOOD | {"user": "{items:>9}"}}, r"chat\.user: unknown placeholder {items}"),
    ({"chat": GOOD | {"system": "{items}"}}, r"chat\.system: unknown .*; known: {k}"),
    ({"chat": GOOD | {"system": "a } b"}}, r"chat\.system: .*written twice"),
]


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, content: Any, message: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=message) as refused:
        read_template(path, "gen_item", "chat")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["class", "rank"])
def test_tasks_that_choose_need_candidates(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, {"chat": {"user": "{items}", "answer": "{list}"}})
    with pytest.raises(InputError, match=r"{candidates} is missing"):
        read_template(path, name, "chat")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        read_template(tmp_path / "absent.yaml", "rank", "chat")


def test_the_documented_template_is_sound(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "prompt-tasks.md").read_text()
    block = page.split("## Templates")[1].split("```yaml\n")[1].split("```")[0]
    path = written(tmp_path, block)
    assert set(yaml.safe_load(block)["chat"]) == set(Template.model_fields)
    assert read_template(path, "gen_item", "chat").glue == "\n"


def test_the_frame_of_an_answer() -> None:
    assert Template(user="", answer=" a {{}} {name} b").answer_frame("name") == (" a {} ", " b")
