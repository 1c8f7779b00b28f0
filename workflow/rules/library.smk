import sys
from pathlib import Path

# The one place where the library is put on the path: scripts inherit it.
sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from snakemake.exceptions import WorkflowError

from llmseqrec.errors import InputError
from llmseqrec.yaml_files import read_yaml

DEFAULT_CONFIG = "config/config.yaml"


def refuse_loose_yaml(paths):
    """Read configuration files once more, strictly: Snakemake takes the last of repeated keys."""
    try:
        for path in paths:
            if "__use_yte__" in read_yaml(path):
                raise InputError(f"{path}: __use_yte__: code in a configuration is not taken")
    except InputError as problem:
        raise WorkflowError(str(problem))


if workflow.is_main_process:
    refuse_loose_yaml(workflow.overwrite_configfiles or [DEFAULT_CONFIG])
