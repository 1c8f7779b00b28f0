"""Downloads against a local server that misbehaves in the ways real ones do."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from llmseqrec.data.checksums import read_checksums, verify_and_record
from llmseqrec.data.download import Retries, download
from llmseqrec.errors import InputError

CONTENT = bytes(range(256)) * 4000  # about 1 MB


class Handler(BaseHTTPRequestHandler):
    """Serves `server.content`; each request takes the next fault of `server.faults`, if any."""

    def do_GET(self) -> None:
        state = self.server.state  # type: ignore[attr-defined]
        state.requests.append(dict(self.headers))
        fault = state.faults.pop(0) if state.faults else {}
        if "status" in fault:
            self.send_response(fault["status"])
            for name, value in fault.get("headers", {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = self._range_start(state)
        if start is not None and start >= len(state.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(state.content)}")
            self.end_headers()
            return
        self._send_body(state, start, fault)

    def _range_start(self, state: SimpleNamespace) -> int | None:
        asked = self.headers.get("Range")
        fresh = self.headers.get("If-Range") in (None, state.etag, state.modified)
        if asked is None or not state.ranges or not fresh:
            return None
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _send_body(self, state: SimpleNamespace, start: int | None, fault: dict) -> None:
        body = state.content[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            end, size = len(state.content) - 1, len(state.content)
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        if state.etag:
            self.send_header("ETag", state.etag)
        if state.modified:
            self.send_header("Last-Modified", state.modified)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: fault.get("cut", len(body))])
        if fault.get("hang"):
            self.wfile.flush()
            state.release.wait(30)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    state = SimpleNamespace(
        content=CONTENT, faults=[], requests=[], etag='"v1"', modified="", ranges=True
    )
    state.release = threading.Event()
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.state = state  # type: ignore[attr-defined]
    state.url = f"http://127.0.0.1:{http_server.server_port}/file.gz"
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    state.release.set()
    http_server.shutdown()
    http_server.server_close()


@pytest.fixture
def fetch(server: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """`fetch.run()` downloads to `fetch.target`; pauses are noted, not waited for."""
    target, lock = tmp_path / "raw" / "file.gz", tmp_path / "checksums.lock"
    pauses: list[float] = []

    def run(retries: int = 3, **options: object) -> str:
        policy = Retries(retries, pauses.append)
        return download(server.url, target, lock, retries=policy, **options)  # type: ignore[arg-type]

    return SimpleNamespace(run=run, target=target, lock=lock, pauses=pauses)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_download_arrives_and_its_checksum_is_recorded(server, fetch):
    assert fetch.run() == sha256(CONTENT)
    assert fetch.target.read_bytes() == CONTENT
    assert fetch.lock.read_text() == f"{sha256(CONTENT)}  {server.url}\n"
    assert visible(fetch.target.parent) == {"file.gz"}


def test_a_file_already_there_is_verified_and_not_fetched_again(server, fetch):
    fetch.run()
    fetch.run()
    assert len(server.requests) == 1
    fetch.target.write_bytes(b"damaged")
    with pytest.raises(InputError, match="recorded in") as caught:
        fetch.run()
    assert "\n" not in str(caught.value)
    assert visible(fetch.target.parent) == {"file.gz.rejected"}


def test_a_dropped_connection_is_resumed_where_it_broke(server, fetch):
    server.faults = [{"cut": 300_000}, {"cut": 200_000}]
    fetch.run()
    assert fetch.target.read_bytes() == CONTENT
    assert [headers.get("Range") for headers in server.requests] == [
        None,
        "bytes=300000-",
        "bytes=500000-",
    ]
    assert server.requests[1]["If-Range"] == '"v1"'
    assert fetch.pauses == [1.0, 2.0]


def test_a_file_that_changed_between_two_tries_is_fetched_from_the_start(server, fetch):
    server.faults = [{"cut": 300_000}]
    with pytest.raises(InputError, match="run again to go on from the 300,000 bytes"):
        fetch.run(retries=0)
    server.content, server.etag = b"new" * 1000, '"v2"'
    fetch.run()
    assert fetch.target.read_bytes() == b"new" * 1000


@pytest.mark.parametrize(
    ("etag", "modified", "asks_for_rest"),
    [
        ('W/"v1"', "Wed, 23 Jul 2014 00:00:00 GMT", True),
        ("", "Wed, 23 Jul 2014 00:00:00 GMT", True),
        ('W/"v1"', "", False),
        ("", "", False),
    ],
)
def test_only_a_validator_allows_to_resume(server, fetch, etag, modified, asks_for_rest):
    server.etag, server.modified, server.faults = etag, modified, [{"cut": 1000}]
    fetch.run()
    assert fetch.target.read_bytes() == CONTENT
    assert ("Range" in server.requests[1]) == asks_for_rest
    assert server.requests[1].get("If-Range") == (modified if asks_for_rest else None)


def test_a_server_that_ignores_ranges_sends_all_again(server, fetch):
    server.ranges, server.faults = False, [{"cut": 300_000}]
    fetch.run()
    assert fetch.target.read_bytes() == CONTENT


def test_a_part_that_is_complete_needs_no_more_bytes(server, fetch):
    server.faults = [{"cut": 300_000}]
    with pytest.raises(InputError):
        fetch.run(retries=0)
    fetch.target.with_name("file.gz.part").write_bytes(CONTENT)
    assert fetch.run(retries=0) == sha256(CONTENT)
    assert fetch.target.read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_thrown_away(server, fetch):
    server.faults = [{"cut": 300_000}]
    with pytest.raises(InputError):
        fetch.run(retries=0)
    fetch.target.with_name("file.gz.part").write_bytes(CONTENT + b"more")
    assert fetch.run() == sha256(CONTENT)


def test_the_server_says_how_long_to_wait(server, fetch):
    server.faults = [
        {"status": 503, "headers": {"Retry-After": "17"}},
        {"status": 429, "headers": {"Retry-After": "Wed, 23 Jul 2014 00:00:00 GMT"}},
        {"status": 500},
    ]
    fetch.run()
    assert fetch.pauses == [17.0, 0.0, 4.0]


def test_tries_run_out_with_one_line(server, fetch):
    server.faults = [{"status": 503}] * 9
    with pytest.raises(InputError, match="HTTP 503, 3 times") as caught:
        fetch.run(retries=2)
    assert "\n" not in str(caught.value)
    assert not fetch.target.exists()
    assert not fetch.lock.exists()


def test_nobody_listening_is_told_in_one_line(tmp_path):
    policy = Retries(1, lambda seconds: None)
    with pytest.raises(InputError, match="connection failed"):
        download("http://127.0.0.1:9/x", tmp_path / "x", tmp_path / "lock", retries=policy)


@pytest.mark.parametrize("status", [403, 404])
def test_a_refusal_is_final(server, fetch, status):
    server.faults = [{"status": status}]
    with pytest.raises(InputError, match=f"HTTP {status}"):
        fetch.run()
    assert len(server.requests) == 1


def test_only_http_addresses_are_taken(tmp_path):
    with pytest.raises(InputError, match="not an http"):
        download("file:///etc/hostname", tmp_path / "x", tmp_path / "lock")


def test_changed_content_is_refused_and_kept_aside(server, fetch):
    fetch.run()
    fetch.target.unlink()
    server.content, server.etag = b"other", '"v2"'
    with pytest.raises(InputError) as caught:
        fetch.run()
    for needed in (server.url, sha256(CONTENT), sha256(b"other"), str(fetch.lock)):
        assert needed in str(caught.value)
    assert visible(fetch.target.parent) == {"file.gz.rejected"}
    assert read_checksums(fetch.lock) == {server.url: sha256(CONTENT)}


def test_an_expected_checksum_counts_at_the_first_download(server, fetch):
    with pytest.raises(InputError, match="expected 0000"):
        fetch.run(expected="0" * 64)
    assert not fetch.lock.exists()
    assert fetch.run(expected=sha256(CONTENT).upper()) == sha256(CONTENT)


def zip_of(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(f"ml/{name}.dat", content)
    return buffer.getvalue()


def test_a_member_of_a_zip_is_taken_out(server, fetch):
    server.content = zip_of(ratings=b"1::2", movies=b"2::x")
    target = fetch.target.with_name("ratings.dat")
    digest = download(server.url, target, fetch.lock, member="ml/ratings.dat")
    assert digest == sha256(server.content)
    assert target.read_bytes() == b"1::2"
    download(server.url, target.with_name("movies.dat"), fetch.lock, member="ml/movies.dat")
    assert len(server.requests) == 1
    assert visible(fetch.target.parent) == {"file.gz", "ratings.dat", "movies.dat"}


def test_a_missing_member_or_a_broken_zip_is_told(server, fetch):
    server.content = zip_of(ratings=b"1::2")
    target = fetch.target.with_name("out.dat")
    with pytest.raises(InputError, match="no file named users"):
        download(server.url, target, fetch.lock, member="users")
    fetch.target.unlink()
    fetch.lock.unlink()
    server.content = b"no zip"
    with pytest.raises(InputError, match="not a sound zip"):
        download(server.url, target, fetch.lock, member="users")
    assert not target.exists()


def test_a_killed_download_goes_on_where_it_was(server, fetch):
    server.faults = [{"cut": 600_000, "hang": True}]
    code = (
        "import sys; from pathlib import Path; from llmseqrec.data.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    source = str(Path(__file__).parents[2] / "src")
    child = subprocess.Popen(
        [sys.executable, "-c", code, server.url, str(fetch.target), str(fetch.lock)],
        env={**os.environ, "PYTHONPATH": source},
    )
    part = fetch.target.with_name("file.gz.part")
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size == 600_000):
        assert child.poll() is None, "the child ended by itself"
        assert time.monotonic() < deadline
        server.release.wait(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert visible(fetch.target.parent) == {"file.gz.part", "file.gz.part.json"}
    fetch.run()
    assert server.requests[1]["Range"] == "bytes=600000-"
    assert fetch.target.read_bytes() == CONTENT


def test_the_lock_file_keeps_every_line_of_parallel_downloads(tmp_path):
    lock = tmp_path / "checksums.lock"
    names = [f"http://a/{number:02d}" for number in range(20)]
    threads = [
        threading.Thread(target=verify_and_record, args=(name, sha256(name.encode()), lock))
        for name in reversed(names)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lock.read_text() == "".join(f"{sha256(n.encode())}  {n}\n" for n in names)


def test_a_broken_lock_file_is_told_by_line(server, fetch):
    fetch.lock.write_text(f"{'0' * 64}  http://a/b\nnonsense\n")
    with pytest.raises(InputError, match="line 2"):
        fetch.run()
