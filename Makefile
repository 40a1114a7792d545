# `make help` lists the targets. Everything happens in .venv; delete it to start afresh.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export HF_HUB_OFFLINE ?= 1
unexport PYTHONDONTWRITEBYTECODE  # tests start hundreds of processes
# One worker more than cores, for some tests wait; a worker opens its sessions once.
SPREAD := -n $(shell echo $$(($$(nproc) + 1))) --maxprocesses 8 --dist worksteal
LOCK := requirements/lock.txt
CONDITIONS ?= background busy random twice

.DEFAULT_GOAL := help
.PHONY: help install run compare test test-fast test-conditions coverage lint dist docs lock bench bench-peers \
	bench-growth soak report clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(if $(LOCKED),--constraint $(LOCK)) --editable '.[dev]'
	@touch $@

install: $(STAMP)  ## make .venv with the project and its tools; LOCKED=1 takes the versions of the lock file

run: $(STAMP)  ## the main job: every method on the embedded default, then the table
	$(BIN)/secfpp run $(ARGS)

compare: $(STAMP)  ## every method on several seeds and budgets, in parallel, into one table
	$(BIN)/secfpp compare $(ARGS)

test: $(STAMP)  ## all tests
	$(BIN)/pytest $(SPREAD) $(ARGS)

test-fast: $(STAMP)  ## the tests that take seconds
	$(BIN)/pytest $(SPREAD) -m 'not slow' $(ARGS)

test-conditions: $(STAMP)  ## all tests as CONDITIONS="background busy random twice"
	@for condition in $(CONDITIONS); do echo "== $$condition"; \
		tests/conditions.sh $$condition $(BIN)/pytest $(SPREAD) $(ARGS) || exit 1; done

coverage: $(STAMP)  ## all tests, and the coverage of every process that they start
	$(BIN)/pytest $(SPREAD) --cov --cov-report=term $(ARGS)

lint: $(STAMP)  ## ruff, mypy, import contracts, codespell
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

dist: $(STAMP)  ## wheel and sdist of secfpp and of secfpp-data-owner, in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m build --no-isolation --outdir dist packaging/data-owner

lock: $(STAMP)  ## write the versions in .venv to the lock file; delete .venv first to take the newest
	@sed -n '/^#/p' $(LOCK) > $(VENV)/lock.txt
	$(BIN)/pip freeze --all --exclude-editable --exclude secfpp --exclude pip | sed 's/+.*//' >> $(VENV)/lock.txt
	mv $(VENV)/lock.txt $(LOCK)

soak: $(STAMP)  ## kill, stop and restart every role at random while jobs go on; MINUTES=30
	$(BIN)/python -m tests.mpc.soak --minutes $(or $(MINUTES),30)

bench: $(STAMP)  ## benchmarks and speed targets; SECFPP_BENCH_BEFORE=CHECKOUT adds an older version
	$(BIN)/pytest benchmarks --benchmark-enable --benchmark-only \
		--benchmark-columns=median,iqr,rounds --benchmark-json=$(VENV)/benchmarks.json

bench-peers: $(STAMP)  ## CrypTen, SPU, MPyC, MP-SPDZ (SECFPP_MPSPDZ=TREE) beside ours, then docs/benchmarks.md
	cd benchmarks && ../$(BIN)/python -m peers $(ARGS) && ../$(BIN)/python -m peers.page

bench-growth: $(STAMP)  ## time and bytes against N, D, K up to N = 5000, then docs/benchmarks.md
	cd benchmarks && ../$(BIN)/python -m peers.growth $(ARGS) && ../$(BIN)/python -m peers.page

report: $(STAMP)  ## the page of the newest run or comparison
	$(BIN)/secfpp report "$$(ls -td runs/*/ | head -n 1)"

docs: $(STAMP)  ## the documentation as web pages in site/; a broken link ends the build
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/python docs/generate_cli.py
	$(BIN)/python docs/generate_figures.py
	$(BIN)/python -m zensical build --clean --strict

clean:  ## remove the environment and the caches of tools
	rm -rf $(VENV) dist build site .cache *.egg-info packaging/data-owner/build packaging/data-owner/*.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*
