# `make demo` and `make test` set up what they need: a virtual environment in .venv, made once.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
DEMO := demo-output

.PHONY: setup demo test lint portability image-check clean

setup: $(READY)

$(READY): pyproject.toml
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	touch $(READY)

# The main job, end to end, on pictures that the project draws itself.
demo: $(READY)
	$(PYTHON) tests/journeys/demo.py $(DEMO)

test: $(READY)
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile

# mypy wants a tree that looks like the import names; a folder of links to the rooms is one.
lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	mkdir -p build/types/edge_identify
	for room in convert datasets edge_runtime sync_server; do ln -sfn ../../../$$room build/types/edge_identify/$$room; done
	MYPYPATH=build/types $(VENV)/bin/mypy -p edge_identify

# Packs that are built here, on other processors by emulation; skipped where there is no emulator.
portability: $(READY)
	$(PYTHON) tests/portability.py

# The Dockerfile's steps in new folders, for machines without docker.
image-check: $(READY)
	$(PYTHON) tests/image_steps.py

clean:
	rm -rf build $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
