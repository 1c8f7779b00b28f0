"""The ledger: nothing beyond the limit, whoever asks and whoever dies."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from llmseqrec.errors import InputError
from llmseqrec.services.ledger import BATCH, Demand, Ledger

SPAWN = multiprocessing.get_context("spawn")
CENT = Demand("openai", "m", 100, 0.01)


def ledger_in(folder: Path, max_usd: float | None = 1.0) -> Ledger:
    return Ledger(folder / "ledger.sqlite", max_usd)


def test_a_request_is_reserved_settled_released_or_lost(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path)
    paid, refused, lost, open_ = (ledger.reserve(CENT) for _ in range(4))
    ledger.settle(paid, 40, 0.004)
    ledger.release(refused)
    ledger.lose(lost)
    found = ledger.balance()
    assert (found.spent, found.lost, found.reserved, found.tokens) == (0.004, 0.01, 0.01, 40)
    ledger.release(open_)
    assert ledger.balance().reserved == 0


def test_the_limit_is_of_all_that_was_ever_spent(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, 0.025)
    for _ in range(2):
        ledger.settle(ledger.reserve(CENT), 100, 0.01)
    reason = r"max_usd: 0\.025 would be passed: 0\.0200 USD are spent .* may cost 0\.0100"
    with pytest.raises(InputError, match=reason):
        ledger_in(tmp_path, 0.025).reserve(CENT)
    assert ledger_in(tmp_path, None).reserve(CENT)


def test_an_exact_limit_can_be_used_up(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, 0.1)
    for _ in range(10):
        ledger.settle(ledger.reserve(CENT), 100, 0.01)
    with pytest.raises(InputError):
        ledger.reserve(CENT)


def test_an_unknown_price_is_refused_under_a_limit_only(tmp_path: Path) -> None:
    unknown = Demand("openai", "new-model", 100, None)
    with pytest.raises(InputError, match="max_usd: the price of openai new-model is unknown"):
        ledger_in(tmp_path).reserve(unknown)
    free = ledger_in(tmp_path, None)
    free.settle(free.reserve(unknown), 90, None)
    assert (free.balance().unpriced, free.balance().tokens) == (1, 90)


def test_a_reservation_in_flight_is_waited_for(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, 0.015)
    first = ledger.reserve(CENT)
    got: list[int] = []
    second = threading.Thread(target=lambda: got.append(ledger.reserve(CENT)))
    second.start()
    second.join(0.3)
    assert second.is_alive()
    ledger.settle(first, 10, 0.001)
    second.join(30)
    assert len(got) == 1


def test_a_batch_is_not_waited_for(tmp_path: Path) -> None:
    ledger = ledger_in(tmp_path, 0.015)
    entry = ledger.reserve(CENT, BATCH + "1")
    with pytest.raises(InputError, match="max_usd"):
        ledger.reserve(CENT)
    assert ledger.entry_of(BATCH + "1") == entry
    ledger.settle(entry, 10, 0.001)
    assert ledger.entry_of(BATCH + "1") is None
    assert ledger.reserve(CENT)


def _reserve_and_wait(folder: Path, done: object) -> None:
    ledger_in(folder).reserve(CENT)
    done.set()  # type: ignore[attr-defined]
    threading.Event().wait()


def test_what_a_killed_process_had_reserved_counts_as_spent(tmp_path: Path) -> None:
    done = SPAWN.Event()
    process = SPAWN.Process(target=_reserve_and_wait, args=(tmp_path, done))
    process.start()
    assert done.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    ledger = ledger_in(tmp_path, 0.015)
    with pytest.raises(InputError):  # and does not wait for the dead
        ledger.reserve(CENT)
    assert ledger_in(tmp_path, 1.0).reserve(CENT)
    assert ledger.balance().lost == 0.01


def _spend(folder: Path, told: "multiprocessing.Queue[int]") -> None:
    ledger, bought = ledger_in(folder, 0.305), 0
    try:
        while True:
            ledger.settle(ledger.reserve(CENT), 100, 0.01)
            bought += 1
    except InputError:
        told.put(bought)


def test_processes_cannot_overspend_together(tmp_path: Path) -> None:
    told = SPAWN.Queue()
    spenders = [SPAWN.Process(target=_spend, args=(tmp_path, told)) for _ in range(6)]
    for spender in spenders:
        spender.start()
    bought = [told.get(timeout=120) for _ in spenders]
    for spender in spenders:
        spender.join()
    assert sum(bought) == 30
    assert ledger_in(tmp_path).balance().spent == pytest.approx(0.30)
