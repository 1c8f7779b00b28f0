"""What a workflow makes is no other's to make while it lives."""

from pathlib import Path

import pytest

from llmseqrec.errors import InputError
from llmseqrec.workflow_claims import Claims

MEETING = [(["made"], []), (["other", "read"], []), (["other"], ["made"])]


@pytest.mark.parametrize(("outputs", "inputs"), MEETING)
def test_of_two_that_meet_the_second_is_refused_until_the_first_is_over(
    tmp_path: Path, outputs: list[str], inputs: list[str]
) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    first.claim(["made"], ["read"])
    for late in (second, Claims(tmp_path)):
        with pytest.raises(InputError, match="another workflow makes the same files in this"):
            late.claim(outputs, inputs)
    end(first)
    with pytest.raises(InputError):  # what it has planned is no longer so
        second.claim(outputs, inputs)
    again = Claims(tmp_path)
    again.claim(outputs, inputs)
    end(again)


def test_a_plan_from_before_another_ended_is_refused_though_a_third_came_between(
    tmp_path: Path,
) -> None:
    first = Claims(tmp_path)
    first.claim(["made"], [])
    planned = Claims(tmp_path)
    end(first)
    third = Claims(tmp_path)
    third.claim(["other"], [])
    with pytest.raises(InputError, match="another workflow"):
        planned.claim(["made"], [])
    end(third)


def test_a_claim_of_the_living_that_cannot_be_read_may_be_anything(tmp_path: Path) -> None:
    first = Claims(tmp_path)
    first.claim(["made"], [])
    (path,) = (tmp_path / "claims").glob("*.json")
    path.write_text("")
    with pytest.raises(InputError, match="another workflow"):
        Claims(tmp_path).claim(["other"], [])
    end(first)


def end(workflow: Claims) -> None:
    """As the kernel does for a process."""
    assert workflow.held
    workflow.held.close()


def test_workflows_that_only_read_the_same_do_not_meet(tmp_path: Path) -> None:
    workflows = [Claims(tmp_path), Claims(tmp_path)]
    for name, workflow in zip(("one", "two"), workflows, strict=True):
        workflow.claim([name], ["read"])
    for workflow in workflows:
        end(workflow)


def test_claims_that_are_over_are_cleared_away(tmp_path: Path) -> None:
    claims = tmp_path / "claims"
    claims.mkdir()
    (claims / "dead.json").write_text('{"outputs": ["made"')
    workflow = Claims(tmp_path)
    workflow.claim(["made"], [])
    assert len(list(claims.glob("*.json"))) == 1
    end(workflow)


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    workflow = Claims(tmp_path)
    workflow.claim(["made"], [])
    assert workflow.held is None
    assert "no file locks here" in capsys.readouterr().err
