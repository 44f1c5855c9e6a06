# Every target sets up what it needs: a machine has to bring Python 3.13 and make, nothing else.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
ARGS :=
# Where bytecode is not kept, every process of the tests and the benchmark compiles Great Expectations
# anew: 5 seconds each.
unexport PYTHONDONTWRITEBYTECODE
# The first of these that really is Python 3.13 is taken: a version manager's shim may not be.
CANDIDATES = $(PYTHON) python3.13 python3 $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3)

.PHONY: door help setup demo bench bench-quick bench-short bench-setup chaos test test-fast test-long lint types imports
.PHONY: docs diagrams reference audit fuzz-mail pollock quota-day format clean

help:  ## what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## make .venv with everything that uv.lock names

# uv lives in the environment it fills, and --inexact keeps it from removing itself.
$(VENV)/.ready: uv.lock pyproject.toml
	@for each in $(CANDIDATES); do \
		"$$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
			&& { python="$$each"; break; }; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.13 is needed: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	set -e; \
	if [ ! -x $(BIN)/uv ]; then \
		"$$python" -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	fi; \
	unset VIRTUAL_ENV; \
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact --quiet; \
	touch $@

demo: setup  ## watch sample files travel from a bucket and a mailbox into BigQuery tables
	@$(BIN)/waybill demo $(ARGS)

screenshots: setup  ## pictures of the console's screens for docs/console.md (chromium must be there)
	@PYTHONPATH=.:tests $(BIN)/python -m browser.screenshots

docs: setup  ## the documentation's site, in build/docs/site; fails for a broken link or a page outside the navigation
	@$(BIN)/python -m docs.builder.site

reference: setup  ## write docs/reference from the code
	@$(BIN)/python -m docs.builder.reference

diagrams: setup  ## draw the diagrams of the pages anew (npm and chromium must be there)
	@$(BIN)/python -m docs.builder.diagrams

test: lint types imports audit  ## everything that CI checks: lint, types, import rules, tests with coverage
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered $(ARGS)

test-long: setup  ## the tests that CI leaves out: further modes of what it tests
	$(BIN)/pytest -n 2 --dist loadfile -m long $(ARGS)

test-fast: setup  ## only the tests that start no server
	$(BIN)/pytest -q tests/unit $(ARGS)

bench: bench-setup  ## measure against what people run instead; writes docs/performance.md and docs/scale.md (an hour or two)
	@$(BIN)/python -m bench run $(ARGS)
	@$(BIN)/python -m bench drops
	@$(BIN)/python -m bench ledger
	@$(BIN)/python -m bench mail
	@$(BIN)/python -m bench scale
	@$(BIN)/python -m bench.api_reads
	@$(BIN)/python -m bench profile
	@$(BIN)/python -m bench report

bench-quick: bench-setup  ## the same with a hundredth of the rows, once: does it run at all?
	@$(BIN)/python -m bench run --quick $(ARGS)

bench-short: bench-setup  ## the shapes that matter most, once, under ten minutes
	@$(BIN)/python -m bench run --short $(ARGS)
	@$(BIN)/python -m bench drops

bench-setup: setup
	@unset VIRTUAL_ENV; \
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact --quiet --group bench

fuzz-mail: setup  ## 100,000 changed mails and 10,000 changed IMAP dialogues (ARGS="--seed 7")
	@PYTHONPATH=tests:. $(BIN)/python -m fuzz.mail $(ARGS)

quota-day: setup  ## a day of 1.2 million files on a virtual clock, against BigQuery's quotas
	@PYTHONPATH=tests:. $(BIN)/python tests/quota_day.py

chaos: setup  ## kill and cut everything while files arrive, and check every row (ARGS="--seed 7", or "--wing events")
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

# An environment of its own: Chalice and cfn-lint would move what the lock of the service names.
DOOR := $(CURDIR)/.venv-door
DOOR_ENV := env -u PYTHONPATH -u VIRTUAL_ENV PATH="$(DOOR)/bin:$$PATH" AWS_DEFAULT_REGION=eu-west-1
$(DOOR)/.ready: deploy/door/tools.txt $(VENV)/.ready
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DOOR)
	$(BIN)/uv pip install --quiet --python $(DOOR)/bin/python -r deploy/door/tools.txt
	touch $@

door: setup $(DOOR)/.ready  ## the serverless door: its tests, its package, and the way from it to a row
	cd deploy/door && $(DOOR_ENV) PYTHONPATH=. python -m pytest -q -c /dev/null --rootdir . tests
	package="$$(mktemp -d)"; trap 'rm -rf "$$package"' EXIT; cd deploy/door \
		&& $(DOOR_ENV) chalice package --stage prod "$$package" \
		&& $(DOOR_ENV) cfn-lint --regions eu-west-1 --template "$$package/sam.json"
	DOOR_PYTHON=$(DOOR)/bin/python $(BIN)/pytest -q tests/integration/test_door.py

lint: setup  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## mypy --strict
	$(BIN)/mypy

imports: setup  ## the import rules
	$(BIN)/lint-imports

pollock: setup  ## how well dirty CSV files are loaded: ARGS=the benchmark's archive or folder
	$(BIN)/python -m bench.pollock $(ARGS)
# Offline it says so and goes on; a known vulnerability of what production runs fails it. A mirror
# may answer without knowing any vulnerability, so it is asked for one that everybody knows.
CANARY = import json, sys, urllib.request as u; \
	sys.exit(not json.load(u.urlopen("https://pypi.org/pypi/urllib3/1.24.1/json", timeout=5)).get("vulnerabilities"))
audit: setup  ## known vulnerabilities of what uv.lock names (skipped when the database is away)
	@if $(BIN)/python -c '$(CANARY)' 2>/dev/null; then \
		list="$$(mktemp)"; trap 'rm -f "$$list"' EXIT; \
		$(BIN)/uv export --frozen --quiet --no-emit-project --no-default-groups --extra web --extra mcp --output-file "$$list" >/dev/null \
			&& $(BIN)/pip-audit --require-hashes --disable-pip --progress-spinner off --requirement "$$list"; \
	else \
		echo "pip-audit skipped: its database does not answer"; \
	fi

format: setup  ## let ruff tidy the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(DOOR) build data/demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	rm -rf .hypothesis .coverage .coverage.*
