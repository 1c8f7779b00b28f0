"""Imported by every Python that a module of these tests puts in front.

Snakemake appends the packages of its own environment to the path of every script, so a package that
an environment lacks would be found there. From the first import of the library on they are out of
reach; what a script had of them is noted beside the environment it ran in.
"""

import atexit
import json
import os
import sys
import time
from pathlib import Path

RECORDS = Path(os.environ["ENVS_RECORDS"])


class OwnPackagesOnly:
    """Finds nothing itself, but is asked first; scripts import nothing before the library."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name == "llmseqrec":
            sys.meta_path.remove(cls)
            sys.path[:] = [entry for entry in sys.path if not is_lent(entry)]
            atexit.register(note)


def is_lent(path: str) -> bool:
    """Whether a file or folder is of the packages of another environment."""
    return "site-packages" in path and not path.startswith(sys.prefix)


def note() -> None:
    """Write where this script ran."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    borrowed = {name.split(".")[0] for name, file in files.items() if is_lent(file or "")}
    facts = {
        # Snakemake names its copies of scripts {random}.{name of the script}.
        "script": Path(sys.argv[0]).name.split(".", 1)[1],
        "prefix": sys.prefix,
        "borrowed": sorted(borrowed),
    }
    path = RECORDS / f"{os.uname().nodename}.{os.getpid()}.{time.time_ns()}.json"
    path.write_text(json.dumps(facts))


if Path(sys.argv[0] if hasattr(sys, "argv") else "").parent.name == "scripts":
    sys.meta_path.insert(0, OwnPackagesOnly)
