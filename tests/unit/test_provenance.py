"""Hashes of code and content: what changes them, and what must not."""

from pathlib import Path

import pytest

from llmseqrec import provenance
from llmseqrec.provenance import code_fingerprint, digest, environment, file_digest
from llmseqrec.registry import MODELS

SKNN = "llmseqrec.models.sknn:SKNN"


def script(folder: Path, text: str) -> Path:
    # A file is parsed once a process, so every text has a file of its own.
    path = folder / f"script{len(list(folder.iterdir()))}.py"
    path.write_text(text)
    return path


def test_comments_blank_lines_and_docstrings_do_not_count(tmp_path: Path) -> None:
    plain = "def f(x):\n    return x + 1\n"
    told = '"""Module."""\n\n\ndef f(x):  # adds\n    """Add one."""\n    return (x + 1)\n'
    assert code_fingerprint(script(tmp_path, plain)) == code_fingerprint(script(tmp_path, told))


def test_code_counts(tmp_path: Path) -> None:
    first = code_fingerprint(script(tmp_path, "x = 1\n"))
    assert first != code_fingerprint(script(tmp_path, "x = 2\n"))
    assert first != code_fingerprint(script(tmp_path, "x = '1'\n"))


def test_imported_modules_count_however_they_are_imported(tmp_path: Path) -> None:
    nothing = code_fingerprint(script(tmp_path, ""))
    forms = [
        "import llmseqrec.errors\n",
        "from llmseqrec import errors\n",
        "from llmseqrec.errors import InputError\n",
        "def f():\n    from llmseqrec.errors import InputError\n",
    ]
    assert len({nothing, *(code_fingerprint(script(tmp_path, form)) for form in forms)}) == 5
    other = code_fingerprint(script(tmp_path, "import numpy\n"))
    assert other != nothing


def package(root: Path, **modules: str) -> Path:
    folder = root / "llmseqrec"
    folder.mkdir(parents=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_the_closure_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = {"a": "from llmseqrec.b import x\n", "b": "from llmseqrec import c\n", "c": "y = 1\n"}
    found = []
    for number, changed in enumerate([{}, {"c": "y = 2\n"}, {"other": "z = 1\n"}]):
        folder = package(tmp_path / str(number), **(chain | changed))
        monkeypatch.setattr(provenance, "PACKAGE_ROOT", folder)
        found.append(code_fingerprint(modules=["llmseqrec.a:Anything"]))
    assert found[0] != found[1]  # c is reached from a
    assert found[0] == found[2]  # other is not


def test_the_class_that_a_run_selects_counts() -> None:
    selected = [entry.recommender for entry in MODELS.values() if entry.recommender]
    modules = {name.split(":")[0] for name in selected}  # the hybrids share one
    assert len({code_fingerprint(modules=[name]) for name in selected}) == len(modules) > 8
    assert code_fingerprint(modules=[SKNN]) == code_fingerprint(modules=[SKNN.split(":")[0]])


def test_digest_ignores_the_order_of_keys_only() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    others = [{"a": 1, "b": [2, 1]}, {"a": 1.5, "b": [1, 2]}, {"a": None}, [], "a"]
    assert len({digest(other) for other in others}) == len(others)


def test_file_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_digest(tmp_path / "x").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_environment_names_what_results_depend_on() -> None:
    found = environment()
    assert {"python", "numpy", "scipy", "pandas", "torch"} <= set(found)
    assert all(isinstance(version, str) for version in found.values())


def test_scripts_and_styles_beside_a_module_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prints = []
    for number, text in enumerate(("a { }", "b { }")):
        root = tmp_path / str(number)
        package(root, page="x = 1\n")
        (root / "llmseqrec" / "page_assets").mkdir()
        (root / "llmseqrec" / "page_assets" / "base.css").write_text(text)
        monkeypatch.setattr(provenance, "PACKAGE_ROOT", root / "llmseqrec")
        prints.append(code_fingerprint(script(tmp_path, "import llmseqrec.page\n")))
    assert prints[0] != prints[1]
