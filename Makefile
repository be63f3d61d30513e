# Needs CPython >= 3.11 and make, nothing else. `make PYTHON=/path/to/python` chooses the interpreter.
SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
JOBS  ?= 2
PIP   := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: help test long hunt demo format style lint types contracts pytest docs site bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

# The first interpreter that runs and is new enough makes the environment.
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3 python3.13 python3.12 python3.11 python)
$(STAMP): pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 && exit; \
	for python in $(CANDIDATES); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec $$python -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo 'no CPython 3.11 or newer among: $(CANDIDATES); try make PYTHON=/path/to/python' >&2; exit 1
	$(PIP) install -e '.[dev]'
	@touch $@

test: style lint types contracts pytest  ## the whole check: style, lint, types, contracts, tests, examples

long: style lint types contracts  ## everything: also the long tests of which `make test` runs a sample
	$(BIN)/python -m pytest -q -n $(JOBS) --long

style: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)  ## ruff
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy --strict on the package
	$(BIN)/mypy

contracts: $(STAMP)  ## who may import whom
	$(BIN)/lint-imports --no-logo

pytest: $(STAMP)  ## tests and doctests
	$(BIN)/python -m pytest -q -n $(JOBS)

site: $(STAMP)  ## the documentation as a site: build/site/index.html
	$(BIN)/python docs/site.py

docs: $(STAMP)  ## links and programs of the documentation
	$(BIN)/python -m pytest -q tests/test_docs.py

format: $(STAMP)  ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

DEMO := examples/attention.tp
demo: $(STAMP)  ## the main job: the paper's Example 1 checked, derived, simulated, compared
	$(BIN)/tensorprog check $(DEMO)
	$(BIN)/tensorprog derive $(DEMO) --cov 'p[1,1,1],p[1,1,1]' --cov 'v[1,1],v[1,1]' --cov 'v[1,1],v[1,2]' --law 'y[1]'
	$(BIN)/tensorprog simulate $(DEMO) -n 256 --samples 4000 --seed 0
	$(BIN)/tensorprog validate $(DEMO) --widths 64,256,1024 --samples 4000 --seed 0

SECONDS ?= 600
SEED ?= 1
OUT ?= build/hunt
PACKAGE ?= .
hunt: $(STAMP)  ## random programs, judged by independent roads: SECONDS=600 SEED=1 OUT=build/hunt
	PYTHONPATH=. $(BIN)/python -P -m tests.hunt --seconds $(SECONDS) --seed $(SEED) --jobs $(JOBS) --out $(OUT) --package $(PACKAGE)

bench: $(STAMP)  ## the benchmarks, one after another
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python $$file; done

clean:  ## forget the environment and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
