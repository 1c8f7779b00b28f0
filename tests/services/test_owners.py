"""Which processes can still be alive."""

import os
import socket
import subprocess
import sys
import time

from llmseqrec.services.owners import LEASE, may_live, own_name


def test_this_process_lives_however_long_it_was_silent() -> None:
    assert may_live(own_name(), seen=0.0)


def test_a_process_that_ended_is_dead_even_before_it_is_waited_for() -> None:
    code = "from llmseqrec.services.owners import own_name; print(own_name())"
    ended = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=_environment()
    )
    name = ended.stdout.read().strip()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert not may_live(name, seen=time.time())
    ended.wait()
    assert not may_live(name, seen=time.time())


def test_a_number_used_again_is_another_process() -> None:
    host, pid, started = own_name().rsplit("/", 2)
    assert not may_live(f"{host}/{pid}/{int(started) - 1}", seen=time.time())


def test_a_process_elsewhere_lives_as_long_as_its_lease() -> None:
    name = f"not-{socket.gethostname()}/1/1"
    assert may_live(name, seen=time.time() - LEASE / 2)
    assert not may_live(name, seen=time.time() - LEASE - 1)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": "src"}
