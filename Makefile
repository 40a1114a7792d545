# `make help` lists the targets. Everything happens in .venv; delete it to start afresh.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_OFFLINE ?= 1

.DEFAULT_GOAL := help
.PHONY: help install run compare test test-fast lint bench bench-peers bench-growth report clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-13s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

install: $(STAMP)  ## make .venv and install the project with its tools

run: $(STAMP)  ## the main job: every method on the embedded default, then the table
	$(BIN)/secfpp run $(ARGS)

compare: $(STAMP)  ## every method on several seeds and budgets, in parallel, into one table
	$(BIN)/secfpp compare $(ARGS)

test: $(STAMP)  ## all tests
	$(BIN)/pytest

test-fast: $(STAMP)  ## the tests that take seconds
	$(BIN)/pytest -m 'not slow'

lint: $(STAMP)  ## ruff, mypy, import contracts, codespell
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: $(STAMP)  ## benchmarks and speed targets; SECFPP_BENCH_BEFORE=CHECKOUT adds an older version
	$(BIN)/pytest benchmarks --benchmark-enable --benchmark-only \
		--benchmark-columns=median,iqr,rounds --benchmark-json=$(VENV)/benchmarks.json

bench-peers: $(STAMP)  ## CrypTen, SPU, MPyC, MP-SPDZ (SECFPP_MPSPDZ=TREE) beside ours, then docs/benchmarks.md
	cd benchmarks && ../$(BIN)/python -m peers $(ARGS) && ../$(BIN)/python -m peers.page

bench-growth: $(STAMP)  ## time and bytes against N, D, K up to N = 5000, then docs/benchmarks.md
	cd benchmarks && ../$(BIN)/python -m peers.growth $(ARGS) && ../$(BIN)/python -m peers.page

report: $(STAMP)  ## the page of the newest run or comparison
	$(BIN)/secfpp report "$$(ls -td runs/*/ | head -n 1)"

clean:  ## remove the environment and the caches of tools
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
