# Two commands for a bare machine with Python 3.11 or newer and make:
#   make practice   the main job, in its quick preset
#   make test       linting, types and tests
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
QUICK = runs/quick
PRINT_IDS = from etude_gym.environment.registration import registered_ids; print(*registered_ids())

.PHONY: install practice test lint types kernels pytest slow slowest coverage benchmark docs clean

install: $(VENV)/installed

# torch is pinned and installed first: other requests may bring gigabytes of CUDA libraries.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit('etude-gym needs Python 3.11 or newer.' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

# Goes on with an interrupted run; remove $(QUICK) to start anew.
practice: install
	@if [ -f $(QUICK)/config.json ]; then $(BIN)/etude practice --resume $(QUICK); \
	else $(BIN)/etude practice EtudePlan-v0 --preset quick --out $(QUICK); fi

test: lint types pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy does not follow the mapping of folders into one package: check the tree that a wheel holds.
types: install
	rm -rf build/types && mkdir -p build/types
	cp -r etude_gym build/types/etude_gym
	for part in envs wrappers agents; do cp -r $$part build/types/etude_gym/$$part; done
	rm -r build/types/etude_gym/cli/template
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p etude_gym
	$(BIN)/mypy --config-file tests/mypy.ini tests scripts

# Kernels are compiled once, before the tests and not in each of their processes.
kernels: install
	for id in $$($(BIN)/python -c "$(PRINT_IDS)"); do \
	$(BIN)/etude check $$id --tasks 10 --names oracle_solves & done; wait

# Tests of one file share a process: some share a Ray cluster.
pytest: kernels
	$(BIN)/pytest -n logical --dist loadfile

slow: install
	$(BIN)/pytest -m slow

# Which tests take longest, alone on the machine.
slowest: kernels
	$(BIN)/pytest --durations=20

# Which lines the tests reach, in a table and in build/coverage; compiled kernels don't count.
coverage: kernels
	$(BIN)/pytest -n logical --dist loadfile --cov --cov-report=term:skip-covered --cov-report=html

benchmark: install
	$(BIN)/python scripts/benchmark.py

# The documentation as build/site, which opens without a server and without network. Warnings are errors.
docs: install
	$(BIN)/sphinx-build -q -W --keep-going -c docs . build/site
	@echo "Open build/site/index.html"

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
