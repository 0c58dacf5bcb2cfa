# The project's verbs. Each does its own set-up; Python 3.11 and make are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
.DEFAULT_GOAL := help
.PHONY: help up test lint types e2e bench chaos requirements

help:  ## Show the verbs
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RENUM needs Python 3.11 or newer; set PYTHON=")'
	@echo "Creating $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.users: requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.developers: requirements-dev.txt $(VENV)/.users
	@echo "Installing requirements-dev.txt …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

up: $(VENV)/.users  ## Run everything on this machine; Ctrl-C stops it
	@exec $(BIN)/python manage.py up

test: $(VENV)/.developers  ## Run the test suite on servers of its own
	@exec $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.developers  ## Check format and style
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.developers  ## Check the types
	@exec $(BIN)/mypy .

e2e: $(VENV)/.developers  ## Drive the whole stack over HTTP, as a newcomer would
	@exec $(BIN)/python -m pytest -c tests/e2e/pytest.ini --rootdir tests/e2e tests/e2e -n 2 --dist loadfile $(ARGS)

chaos: $(VENV)/.developers  ## Outages, herds and 20,000 hostile requests; takes minutes
	@exec $(BIN)/python -m pytest -c tests/chaos/pytest.ini --rootdir . --confcutdir . tests/chaos -s $(ARGS)

bench: $(VENV)/.developers  ## Measure what docs/benchmarks.md shows; takes minutes
	@kept=0; for file in benchmarks/[a-z]*.py; do \
		if grep -q '^    raise SystemExit' $$file; then $(BIN)/python -m benchmarks.$$(basename $$file .py) || kept=1; fi; done; exit $$kept

requirements: $(VENV)/.developers  ## Pin requirements*.txt anew from requirements*.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header requirements-dev.in -o requirements-dev.txt
