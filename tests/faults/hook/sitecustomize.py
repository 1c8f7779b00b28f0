"""What a process that is to be disturbed loads first: it notes its steps, and may die at one.

Python imports a module of this name before anything else, so that no product code knows of it. A
step is what changes the file system below a folder: opening a file to write, making, renaming or
removing one, opening a database. An audit hook sees it before it happens.

Environment:
    FAULTS_ROOT: the folder.
    FAULTS_SCRIPT: a part of the command line of the processes that are meant.
    FAULTS_KILL_AT: number of the step, from 1, at which a process kills itself with SIGKILL: after
        the opening of a file, before any other change.
    FAULTS_KILL_AFTER: seconds to wait from that step on; the process goes on meanwhile.
    FAULTS_STEPS: folder in which each process writes down its steps, a file of its script's name.
"""

import os
import signal
import sys
import threading
import time

STARTED = time.monotonic()
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "sqlite3.connect"}
_IGNORED = ("__pycache__", f"{os.sep}.snakemake{os.sep}")


def _target(event, arguments):
    """The path that a step changes, or None where an event is no step."""
    if event == "open":
        path, _, flags = arguments
        changes = isinstance(flags, int) and flags & _WRITES
    else:
        path, changes = (arguments or (None,))[0], event in _CHANGES
    return os.fsdecode(path) if changes and isinstance(path, (str, bytes, os.PathLike)) else None


def _kill(seconds, event, arguments):
    """SIGKILL now, or in a while; a file that is opened is there by then, and may be empty."""
    if not seconds:
        if event == "open":
            os.open(arguments[0], arguments[2], 0o600)
        os.kill(os.getpid(), signal.SIGKILL)
    thread = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    thread.daemon = True
    thread.start()


def _watch(root, notes):
    kill_at = int(os.environ.get("FAULTS_KILL_AT", "0"))
    seconds = float(os.environ.get("FAULTS_KILL_AFTER", "0"))
    count, busy = 0, False

    def hook(event, arguments):
        nonlocal count, busy
        target = None if busy else _target(event, arguments)
        path = os.path.abspath(target) if target else ""
        if not path.startswith(root + os.sep) or any(part in path for part in _IGNORED):
            return
        count, busy = count + 1, True
        if notes:
            at = time.monotonic() - STARTED
            with open(notes, "a") as stream:
                print(f"{at:.3f}", event, path[len(root) + 1 :], file=stream)
        if count == kill_at:
            _kill(seconds, event, arguments)
        busy = False

    sys.addaudithook(hook)


def _begin():
    command = " ".join(sys.orig_argv)
    if os.environ.get("FAULTS_SCRIPT", "\0") not in command:
        return
    notes = os.environ.get("FAULTS_STEPS")
    name = os.path.basename(sys.orig_argv[-1])
    root = os.path.realpath(os.environ["FAULTS_ROOT"])
    _watch(root, os.path.join(notes, name) if notes else None)


_begin()
