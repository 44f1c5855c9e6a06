# Every target sets up what it needs: Python 3.13 and make are all a machine has to bring.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
# The first of these that really is Python 3.13 (a version manager's shim may not be).
CANDIDATES := $(PYTHON) python3.13 python3 $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3)
FIND_PYTHON = $(shell for each in $(CANDIDATES); do \
	$$each -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && \
	{ echo $$each; break; }; done)

.PHONY: help setup demo test test-fast lint types imports format clean

help:  ## what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | column -t -s '|'

setup: $(VENV)/.ready  ## make .venv with everything that uv.lock names

$(VENV)/.ready: uv.lock pyproject.toml
	@python="$(FIND_PYTHON)"; test -n "$$python" || \
		{ echo "Python 3.13 is needed: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 1; }; \
	test -x $(BIN)/uv || { "$$python" -m venv $(VENV) && $(BIN)/python -m pip install --quiet uv==$(UV_VERSION); }
	$(BIN)/uv sync --frozen --inexact --quiet
	@touch $@

demo: setup  ## watch sample files travel from a bucket and a mailbox into BigQuery tables
	@$(BIN)/waybill demo $(ARGS)

test: lint types imports  ## everything CI checks: lint, types, import rules, tests with coverage
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

test-fast: setup  ## only the tests that start no server
	$(BIN)/pytest -q tests/unit

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy --strict
	$(BIN)/mypy

imports: setup  ## the import rule
	$(BIN)/lint-imports

format: setup  ## let ruff tidy the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other targets made
	rm -rf $(VENV) data .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage*
