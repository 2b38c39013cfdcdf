# The first call of any goal builds .venv from the pinned constraints; it is brought up to date when they or pyproject.toml change.
#
#   make compare   compare networks and plain baselines on handwritten digits, with a report
#   make test      the whole test suite
#   make check     style, types, arrows of imports, fast tests
#   make bench     speed beside bare PyTorch
#   make clean     remove what was built (not runs/, not reports)

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
FAST := $(wildcard tests/test_imports.py tests/test_house.py tests/core tests/blocks tests/tasks)
LINTED := $(wildcard src tests benchmarks)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: compare test check bench clean
.DEFAULT_GOAL := compare

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "nnzoo needs Python 3.11 or newer; name it with: make PYTHON=/path/to/python3" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet -e ".[dev]"
	@touch $(READY)

compare: $(READY)
	$(BIN)/nnzoo compare digits --kinds mlp,cnn,pnn,lstm,gmdh

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

check: $(READY)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/mypy src
	$(BIN)/python -m pytest -n $(WORKERS) $(FAST)

bench: $(READY)
	@for file in benchmarks/*.py; do echo "$$file"; $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
