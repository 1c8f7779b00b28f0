"""The audit of locked packages, against a service on this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from threading import Thread

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(find_spec("pip_audit") is None, reason="pip-audit: run make setup")

FLAW = {
    "id": "TEST-1",
    "summary": "made up",
    "affected": [
        {
            "package": {"name": "numpy", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Service(ThreadingHTTPServer):
    """Knows the flaws of packages that a test has put there; `status` is what it answers."""

    daemon_threads = True
    flaws: dict[str, dict] = {}  # noqa: RUF012
    status = 200


class Answers(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        flaw = self.server.flaws.get(asked["package"]["name"])
        body = json.dumps({"vulns": [flaw]} if flaw else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    server = Service(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def audit(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    url = f"--osv-url=http://127.0.0.1:{port}/v1/query"
    command = [sys.executable, ".ci/audit.py", url, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_sound_packages_pass(service: Service) -> None:
    done = audit(service.server_port)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("packages, none with a known vulnerability\n")


def test_a_known_flaw_is_named_and_fails(service: Service) -> None:
    service.flaws = {"numpy": FLAW, "torch": FLAW}  # torch stands in no lock
    done = audit(service.server_port)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["numpy", "torch"]
    assert lines[0].endswith(": TEST-1, mended in 99.1")


def test_without_a_connection_it_is_skipped_in_one_line(service: Service) -> None:
    service.status = 503
    assert audit(service.server_port).stdout == "audit skipped: no connection\n"
    port = service.server_port
    service.server_close()
    done = audit(port)
    assert (done.returncode, done.stdout) == (0, "audit skipped: no connection\n")


def test_a_lock_that_cannot_be_read_fails(service: Service) -> None:
    done = audit(service.server_port, "--requirement=absent.lock")
    assert done.returncode == 1
    assert done.stdout.startswith("audit failed: ")
