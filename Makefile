# The environment is .venv in the checkout; `make study` and `make test` need nothing but Python 3.11+.
# CPU-only Linux users: make study TORCH_INDEX=<index of CPU wheels>
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH_INDEX ?=
TORCH_VERSION := $(shell sed -n 's/^torch==//p' constraints.txt)

ifneq ($(wildcard ../shared/data),)
export VULNSCOPE_DATA ?= $(abspath ../shared/data)
endif
# Two spinning OpenMP threads beside another busy process collapse to a fifth of their speed.
export OMP_WAIT_POLICY ?= passive
export GOMP_SPINCOUNT ?= 0

# Neighbouring tests stay together, so that what a file prepares is prepared once; who has nothing left takes over.
WORKERS ?= --numprocesses 2 --dist worksteal

.PHONY: study test unit check bench mutants docs system clean

study: $(VENV)/.installed
	$(BIN)/vulnscope study organism:biased --option templates=train --option n_pairs=200

test: $(VENV)/.installed-dev system
	$(BIN)/python -m pytest -m "not gpu" $(WORKERS) --timeout 300 --durations 20 $(PYTEST_ARGS)

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not gpu and not slow and not browser" $(WORKERS) --timeout 300 $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks audit

mutants: $(VENV)/.installed-mutants
	$(BIN)/python -m benchmarks mutants

docs: $(VENV)/.installed-docs
	$(BIN)/mkdocs build --strict

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: constraints.txt | $(VENV)/bin/python
	$(PIP) install --quiet --upgrade pip
	$(PIP) install --quiet torch==$(TORCH_VERSION) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.torch
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	$(PIP) install --quiet --constraint constraints.txt --editable '.[bench]'
	@touch $@

$(VENV)/.installed-mutants: $(VENV)/.installed-dev
	$(PIP) install --quiet --constraint constraints.txt --editable '.[mutants]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# Tests open hostile reports in headless Chromium, compile C and close programs into a sandbox; as root we install what
# is missing, otherwise we say how.
system:
	@missing=""; \
	command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || \
	  command -v google-chrome >/dev/null 2>&1 || missing="chromium"; \
	command -v gcc >/dev/null 2>&1 || missing="$$missing gcc libc6-dev"; \
	command -v bwrap >/dev/null 2>&1 || missing="$$missing bubblewrap"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; \
	else echo "Missing, so its tests will be skipped: $$missing. Install with: sudo apt-get install $$missing"; fi

clean:
	rm -rf $(VENV) runs site
