# make demo    a clinic to try: environment, data, server and worker, until Ctrl-C   (PORT=8000 DATA_DIR=data)
# make test    everything that must hold: style, types, import directions, all tests
# make interop the published JavaScript client against the API (Node 20 or newer)
# make bench   how long answers take with 10 000 and a million messages   (OPS=O11 SAVE=1: into docs/performance.md)
# make fuzz    requests at random to the API, for FUZZ_SECONDS=300
# make lock    requirements*.txt anew from requirements*.in;   make format   code style

PORT ?= 8000
DATA_DIR ?= data
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
SUITABLE := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(shell for one in python3.11 python3 python3.12 python3.13; do \
	if $$one -c '$(SUITABLE)' 2>/dev/null; then echo $$one; break; fi; done)
# Tests at a time; with one, everything takes twice as long.
WORKERS ?= 2
INTEROP := tests/interop
FUZZ_SECONDS ?= 300
OPS ?= O11

.DEFAULT_GOAL := help
.PHONY: help demo test interop fuzz bench lint format lock chromium node-packages
.DELETE_ON_ERROR:

help:
	@sed -n '1,6s/^# //p' Makefile

demo: $(VENV)/installed
	@ENVIRONMENT=demo DATA_DIR='$(abspath $(DATA_DIR))' exec $(BIN)/python manage.py demo --port $(PORT)

# Everything runs, whatever failed before it: linters, what the store does on PostgreSQL, then all tests on SQLite,
# whose summary is the last line.
test: $(VENV)/installed-dev chromium node-packages
	@failed=0; \
	$(MAKE) --no-print-directory lint || failed=1; \
	$(BIN)/python -m tests.postgres -m pytest -q -m postgres -n $(WORKERS) || failed=1; \
	ENVIRONMENT=test $(BIN)/python -m pytest -q -n $(WORKERS) || failed=1; \
	exit $$failed

interop: $(VENV)/installed-dev $(INTEROP)/node_modules/.package-lock.json
	ENVIRONMENT=test $(BIN)/python -m pytest -q tests/interop tests/test_first_thread.py

# The sets take 7 GB below DATA_DIR; other work on the machine makes the times worthless.
bench: $(VENV)/installed-dev node-packages
	@DATA_DIR='$(abspath $(DATA_DIR))' $(BIN)/python -m tests.bench --ops $(OPS) $(if $(SAVE),--save)

# A failure says which FUZZ_SEED shows it again.
fuzz: $(VENV)/installed-dev
	ENVIRONMENT=test FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -q tests/fuzz

lint: $(VENV)/installed-dev
	@failed=0; export ENVIRONMENT=test; \
	for step in 'ruff check .' 'ruff format --check .' mypy lint-imports \
		'python manage.py makemigrations --check --dry-run'; do \
		echo "$$step"; $(BIN)/$$step || failed=1; \
	done; \
	exit $$failed

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The stamps say which requirements are installed; the development set contains the other.
$(VENV)/installed: requirements.txt | $(BIN)/python
	@echo 'Installing what requirements.txt lists …'
	@$(call install,requirements.txt)
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt requirements.txt | $(BIN)/python
	@echo 'Installing what requirements-dev.txt lists …'
	@$(call install,requirements-dev.txt)
	@touch $(VENV)/installed $@

ifneq ($(UV),)
install = $(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(1)
else
install = $(PIP) install --quiet --disable-pip-version-check --no-input --require-hashes -r $(1)
endif

# Debian's python3 may lack ensurepip: then the environment has no pip of its own and the system's installs into it.
PIP = $$($(BIN)/python -m pip --version >/dev/null 2>&1 && echo $(BIN)/python -m pip \
	|| echo $(PYTHON) -m pip --python $(BIN)/python)

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; python3 here is older or missing.' >&2; exit 1; }
ifneq ($(UV),)
	@$(UV) venv --quiet --python $(PYTHON) $(VENV)
else
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --clear --without-pip $(VENV)
endif

# A browser for the tests: the machine's own, else Debian's (as root), else Playwright's.
chromium: $(VENV)/installed-dev
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 \
	|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& { apt-get install -y -qq chromium || { apt-get update -qq && apt-get install -y -qq chromium; }; } \
			>/dev/null 2>&1; } \
	|| $(BIN)/python -m playwright install chromium

# What the interop tests need; without Node, or a registry, they are skipped, and this says so.
node-packages:
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo 'SKIPPED: the interop suite. It needs Node 20 or newer, and npm.'; \
	else $(MAKE) -s --no-print-directory $(INTEROP)/node_modules/.package-lock.json \
		|| echo 'SKIPPED: the interop suite. npm could not install what tests/interop/package-lock.json lists.'; \
	fi

# npm writes this file last.
$(INTEROP)/node_modules/.package-lock.json: $(INTEROP)/package-lock.json $(INTEROP)/package.json
	@cd $(INTEROP) && npm ci
	@touch $@

lock: $(BIN)/python
	@test -n '$(UV)' || { echo 'make lock needs uv (pip install uv).' >&2; exit 1; }
	@for name in requirements requirements-dev; do \
		head -1 $$name.txt > $$name.new \
		&& $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header $$name.in >> $$name.new \
		&& mv $$name.new $$name.txt || exit 1; \
	done
