# make run and make test need nothing but Python 3.12 or later.
PYTHON := $(shell for p in python3 python3.12 python3.13 python3.14 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then echo $$p; break; fi; done)
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help run house test test-whole check bench calibrate lab clean

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-11s %s\n", $$1, $$2}' Makefile

run: $(READY)  ## run every scenario: reports and comparison in outputs/batch
	$(BIN)/pmbudget run

# One process for each core, up to four; files stay together, so that what they share is made once.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

test: $(READY)  ## the test suite, but for what is slow
	$(PYTEST) -m "not whole"

test-whole: $(READY)  ## what is slow or needs a browser or more; says what is absent
	$(PYTEST) -m whole -rs

check: $(READY)  ## style, types, architecture, parameter files and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_architecture.py
	$(BIN)/pmbudget check

calibrate: $(READY)  ## coverage of the intervals that the evidence blocks give
	$(BIN)/python benchmarks/calibration.py

bench: $(READY)  ## speed and memory beside plain references
	$(BIN)/python benchmarks/evaluate.py
	$(BIN)/python benchmarks/patient.py
	$(BIN)/python benchmarks/capacity.py
	$(BIN)/python benchmarks/markov.py
	$(BIN)/python benchmarks/national_budget.py
	$(BIN)/python benchmarks/agreements.py
	$(BIN)/python benchmarks/value_of_information.py

house: $(READY)  ## the list of modules in ARCHITECTURE.md
	$(BIN)/python tests/house.py

lab: $(READY)  ## the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

clean:  ## remove the environment, caches and outputs
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find outputs -mindepth 1 ! -name .gitkeep -delete

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.12 or later is needed and none was found."; \
	echo "Remedy: install it (python.org, your package manager, 'pyenv install 3.12' or 'uv python install 3.12') and run make again."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)
