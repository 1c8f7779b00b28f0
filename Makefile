# Two commands on a fresh machine: `make quickstart` and `make test`.
# Needs git, make and Python >= 3.11 with venv; everything else goes into .venv.

PYTHON ?= python3
CORES ?= 2
VENV := .venv
BIN := $(VENV)/bin
SLURM := .venv-slurm
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
# torch is installed on its own: its build (processor, CUDA) is the machine's choice.
TORCH ?= torch==2.13.0
QUICKSTART := --configfile config/quickstart.yaml
# Every job is a process that imports anew: without compiled files half of its time is compiling.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup slurm quickstart test test-slurm test-envs test-faults test-faults-bounded
.PHONY: fuzz lint format bench lock docs clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart  a report from the embedded sample (synthetic data)"
	@echo "make test        linters, tests, dry runs, quickstart end to end"
	@echo "make slurm       Snakemake for a SLURM cluster, into .venv-slurm (docs/cluster.md)"
	@echo "make test-faults kills, full disks, damaged files (docs/reliability.md)"
	@echo "make fuzz        hostile input, for as long as it takes (a quarter of an hour)"
	@echo "make lint        ruff, mypy, snakefmt, snakemake --lint, known flaws of packages"
	@echo "make test-slurm  the quickstart on a SLURM cluster of this machine's own (as root, on Debian)"
	@echo "make test-envs   the environments of the rules: all scripts in theirs, here and under SLURM"
	@echo "make bench       benchmarks against their baselines, into results/benchmarks/"
	@echo "make docs        regenerate the configuration reference"
	@echo "make lock        pin all dependencies anew"

setup: $(VENV)/.installed

# The stamp holds the lock it was made from, so that a changed lock installs again.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "error: Python >= 3.11 is needed; set PYTHON=..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@cmp -s requirements.lock $@ || { \
		echo "installing into $(VENV) (a few minutes the first time)" \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
			--no-deps --require-hashes -r requirements.lock \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile "$(TORCH)"; }
	@$(BIN)/python -c 'import pathlib, site; \
		pathlib.Path(site.getsitepackages()[0], "llmseqrec.pth").write_text(str(pathlib.Path("src").resolve()))'
	@cp requirements.lock $@

# The executor stands in an environment of its own that sees all of the other, since every start of
# Snakemake loads every executor it finds.
slurm: $(SLURM)/.installed

$(SLURM)/.installed: requirements-slurm.lock | setup
	@$(BIN)/python -m venv --without-pip $(SLURM)
	@$(BIN)/python -c 'import site; print(f"import site; site.addsitedir({site.getsitepackages()[0]!r})")' \
		> "$$($(SLURM)/bin/python -c 'import site; print(site.getsitepackages()[0])')/beside.pth"
	@$(BIN)/python -m pip --python $(SLURM)/bin/python install --quiet --disable-pip-version-check \
		--no-deps --require-hashes -r requirements-slurm.lock
	@sed '1s|.*|#!$(CURDIR)/$(SLURM)/bin/python|' $(BIN)/snakemake > $(SLURM)/bin/snakemake
	@chmod +x $(SLURM)/bin/snakemake
	@touch $@

quickstart: setup
	@$(SNAKEMAKE) $(QUICKSTART) --quiet rules
	@$(BIN)/python -m llmseqrec show config/quickstart.yaml

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	@$(BIN)/python .ci/audit.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# One thread a worker, since more would wait for one another; a file is one worker's, so that its
# workflow runs once. In the order of tests/conftest.py: by the number of their tests, the longest
# files would come last.
test: lint
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# A cluster of two nodes on this machine, where Debian's SLURM can be had; else skipped.
test-slurm: slurm
	OMP_NUM_THREADS=1 $(SLURM)/bin/python -m pytest tests/slurm -rs

# The properties of tests/fuzz on twenty times as many inputs, others each time.
fuzz: setup
	OMP_NUM_THREADS=1 LLMSEQREC_FUZZ=long $(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal tests/fuzz

# The environments of the rules without conda: a plain one for each file of envs/, kept in .envs.
test-envs: setup slurm
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/envs --durations=0

# Kills, full disks, lost permissions, damage (docs/reliability.md).
test-faults: setup
	FAULTS=all FAULTS_SUMMARY=results/faults/summary.txt OMP_NUM_THREADS=1 $(BIN)/pytest tests/faults

# A part of it, drawn by FAULTS_SEED.
test-faults-bounded: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/faults

bench: setup
	$(BIN)/python -m benchmarks

docs: setup
	$(BIN)/python -m llmseqrec.config_docs config

lock: setup
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --extra dev --generate-hashes --strip-extras --no-header \
		--unsafe-package torch --unsafe-package pip --unsafe-package setuptools \
		--no-emit-index-url --no-emit-find-links --no-emit-options \
		--output-file requirements.lock pyproject.toml
	$(BIN)/python envs/generate.py
	$(BIN)/pip-compile --quiet --extra slurm --constraint requirements.lock --generate-hashes \
		--strip-extras --no-header --unsafe-package torch --unsafe-package pip \
		--unsafe-package setuptools --no-emit-index-url --no-emit-find-links --no-emit-options \
		--output-file $(VENV)/slurm.lock pyproject.toml
	echo "# The SLURM executor, beside requirements.lock: made by make lock." > requirements-slurm.lock
	awk '/^[a-z]/ {kept = /^snakemake-executor-plugin/} kept' $(VENV)/slurm.lock >> requirements-slurm.lock

clean:
	rm -rf results/* logs .snakemake
	git checkout -- results/README.md
