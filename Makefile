# Two commands do everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
DOCS ?= docs

export RAGLOOP_HOME ?= var

.DEFAULT_GOAL := help
.PHONY: help setup demo test e2e lint format bench lock clean

help: ## Show this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /|/' | awk -F'|' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Install everything into .venv (done by the other commands when needed)

# torch first: a CPU build where there is no NVIDIA driver. pip takes the CPU build if it is configured with one (the
# version's +cpu exists nowhere else, so it can never fall back to CUDA); otherwise uv knows where CPU builds live.
$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	  || { echo "RAGLoop needs Python 3.11: install it, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "Setting up .venv (about 2.6 GB; a minute or a few, once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"
	@$(BIN)/python -c 'import torch; assert torch.__version__.split("+")[0] == "$(TORCH)"' 2>/dev/null \
	  || if [ -e /proc/driver/nvidia/version ]; then \
	       $(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend=auto "torch==$(TORCH)"; \
	     else \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check "torch==$(TORCH)+cpu" 2>/dev/null \
	       || $(BIN)/uv pip install --quiet --python $(BIN)/python --torch-backend=cpu "torch==$(TORCH)"; \
	     fi
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m compileall -q core retrieval ingestion serving evals app dags
	@touch $@

demo: setup ## Ingest the handbook (or DOCS=folder) with Airflow, start the web app, answer one question
	@$(BIN)/python -m app.demo "$(DOCS)"

test: setup ## The quick tests: unit, contract, integration; offline, no server needed
	@$(BIN)/python -m pytest

e2e: setup ## The slow tests against real components: Airflow, PostgreSQL, Chromium, a running server
	@$(BIN)/python -m pytest -m slow --timeout 900 -v

lint: setup ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## Let ruff format and mend what it can
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: setup ## Measure speed against the floor; prints a table and saves bench-results/
	@$(BIN)/python -m tests.benchmarks.run

lock: ## Resolve pyproject.toml anew into requirements.lock
	@$(BIN)/uv pip compile pyproject.toml --all-extras --override deploy/lock-overrides.txt --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --no-header --quiet --output-file requirements.lock

clean: ## Remove the environment and everything that was ingested
	@rm -rf $(VENV) var
