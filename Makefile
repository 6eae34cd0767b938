# `make demo` and `make test` set up what they need, once: a virtual environment in .venv, with the versions of
# requirements.lock. The demo needs no development tools and no optional extras, so only `make test` installs those.

VENV ?= .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
READY_TO_DEVELOP := $(VENV)/.ready-to-develop
DEMO := demo-output
INSTALL := $(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable

# Each worker of the tests takes one core: torch's and BLAS' threads would wait for each other in busy loops.
test quick: export OMP_NUM_THREADS := 1
# tests/conftest.py says which files come first.
SPREAD := --numprocesses auto --dist loadfile --no-loadscope-reorder

WEB := edge_runtime/web
WEB_READY := $(WEB)/vendor/.ready

.PHONY: setup demo web test quick lint lock portability image-check clean

setup: $(READY)

$(PYTHON):
	python3 -m venv $(VENV)

$(READY): pyproject.toml setup.py requirements.lock | $(PYTHON)
	$(INSTALL) '.[convert,server]'
	touch $(READY)

$(READY_TO_DEVELOP): pyproject.toml setup.py requirements.lock | $(PYTHON)
	$(INSTALL) '.[all,dev]'
	touch $(READY) $(READY_TO_DEVELOP)

# Renews requirements.lock: the newest versions that the ranges in pyproject.toml allow, for every platform and Python.
lock:
	python3 -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	build/lock/bin/uv pip compile --quiet --universal --upgrade --all-extras --no-emit-package pip \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --output-file requirements.lock pyproject.toml

# The main job, end to end, on images that the project draws itself.
demo: $(READY) web-if-npm
	$(PYTHON) tests/journeys/demo.py $(DEMO)

# The web app's runtime, and the tools that its tests need, from npm in the versions of package-lock.json.
web: $(WEB_READY)

$(WEB_READY): $(WEB)/package.json $(WEB)/package-lock.json $(WEB)/build.mjs
	cd $(WEB) && npm ci --no-audit --no-fund --ignore-scripts && node build.mjs
	touch $@

# Where npm is not, or reaches nothing, the demo has no picture of the app, and the tests that need npm's files are
# skipped. Both say so.
.PHONY: web-if-npm
web-if-npm:
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory web || echo "make web failed: the web app is not tried"; fi

test: $(READY_TO_DEVELOP) web-if-npm
	$(PYTHON) -m pytest $(SPREAD)

# What answers in about a minute: no real models, no journeys, no benchmarks.
quick: $(READY_TO_DEVELOP)
	$(PYTHON) -m pytest $(SPREAD) -m "not slow"

lint: $(READY_TO_DEVELOP) web-if-npm
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	@if [ -e $(WEB_READY) ]; then node $(WEB)/node_modules/typescript/bin/tsc --project $(WEB)/tsconfig.json; fi

# Packs that are built here, on other processors by emulation; skipped where there is no emulator.
portability: $(READY)
	$(PYTHON) tests/portability.py

# The Dockerfile's steps in new folders, for machines without docker.
image-check: $(READY_TO_DEVELOP)
	$(PYTHON) tests/support/image_steps.py

clean:
	rm -rf build $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
