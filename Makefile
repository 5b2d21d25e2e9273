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

.PHONY: study test unit check bench docs browser clean

study: $(VENV)/.installed
	$(BIN)/vulnscope study organism:biased --option templates=train --option n_pairs=200

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest -m "not gpu" $(PYTEST_ARGS)

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not gpu and not slow and not browser" $(PYTEST_ARGS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks audit

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

$(VENV)/.installed-docs: $(VENV)/.installed-dev
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

# The browser test opens a hostile report in headless Chromium; as root we install it, otherwise we say how.
browser:
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "Chromium is missing; its test will be skipped. Install it with: sudo apt-get install chromium"; fi; }

clean:
	rm -rf $(VENV) runs site
