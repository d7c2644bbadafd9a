# Everything that people and CI do here; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run demo test check lock bench load images-offline upgrade secrets footprint \
	compose-test test-release diagram screenshot clean

# Any Python from 3.11: make run PYTHON=python3.12
PYTHON ?= python3
# Passed on: make run OPTIONS='--set consumer.LOG_LEVEL=DEBUG', make test TESTS='-k cart'
OPTIONS ?=
TESTS ?=
# Most tests wait more than they compute: make test JOBS=3
JOBS ?= 1

VENV := .venv/bin/python
ENVIRONMENT := @command -v $(PYTHON) >/dev/null || \
	{ echo "There is no $(PYTHON): install Python 3.11 or newer, or name it with PYTHON=…" >&2; exit 1; }; \
	$(PYTHON) tools/bootstrap.py

help: ## This list
	@echo "make <target>, where target is one of"
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  \1	\2/p' Makefile

run: ## Set up what is missing, start the shop, stop it with Ctrl-C
	$(ENVIRONMENT) local
	@exec $(VENV) -m local --end-with-parent $$PPID $(OPTIONS)

demo: ## Play a customer against the running shop; print the stored row and the trace
	$(ENVIRONMENT) local
	@exec $(VENV) -m local.demo $(OPTIONS)

test: ## Run every test that this machine can run, and say what it skipped and why
	$(ENVIRONMENT) test load
	@exec $(VENV) -m pytest $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadgroup) $(TESTS)

check: ## Complain about format, lint, types and whatever the repository says twice
	$(ENVIRONMENT) test
	@$(VENV) -m ruff format --no-cache --check .
	@$(VENV) -m ruff check --no-cache .
	@$(VENV) -m mypy
	@$(VENV) -m pytest --quiet tests/conformance

LOCK := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(OPTIONS)

lock: ## Lock what pyproject.toml asks for, with hashes (all anew: OPTIONS=--upgrade)
	$(ENVIRONMENT) local
	@$(VENV) -m pip install --quiet --upgrade --target .venv/lock --require-hashes -r requirements/lock.txt
	@$(LOCK) --output-file requirements/services.txt pyproject.toml
	@$(LOCK) --output-file requirements/local.txt pyproject.toml --group local
	@$(LOCK) --output-file requirements/test.txt pyproject.toml --group local --group test
	@$(LOCK) --output-file requirements/load.txt --group pyproject.toml:load

bench: ## Measure the request path; prints ratios
	$(ENVIRONMENT) local
	@exec $(VENV) -m loadtest $(OPTIONS)

# make load URL=… STEPS=20,40,80 SECONDS=30 WORKERS=2 USAGE=var OPTIONS='--arrivals constant'
URL ?= http://127.0.0.1:8080
STEPS ?= 20,40,80
SECONDS ?= 30
USAGE ?=
WORKERS ?= 1

load: ## Offer a shop rising rates; print percentiles and a verdict, save a plot
	$(ENVIRONMENT) load
	@exec .venv/load/bin/python -m locust -f loadtest/locustfile.py --headless --host $(URL) \
		--steps $(STEPS) --step-seconds $(SECONDS) --usage "$(USAGE)" \
		$(if $(filter-out 1,$(WORKERS)),--processes $(WORKERS)) $(OPTIONS)

images-offline: ## Build stand-ins for the pinned images where no image registry can be reached
	$(ENVIRONMENT) test
	@exec $(VENV) -m tools.offline_images $(OPTIONS)

# These need nothing but Docker and Python.
upgrade: ## Replace the services in Docker by those of this folder, without a failed request
	@exec $(PYTHON) -m tools.upgrade $(OPTIONS)

secrets: ## Make new secrets for the stack in Docker while it runs
	@exec $(PYTHON) -m tools.rotate_secrets $(OPTIONS)

footprint: ## Say how much memory the stack in Docker uses
	@exec $(PYTHON) -m tools.footprint $(OPTIONS)

compose-test: ## Run the tests that bring the whole stack up in Docker
	$(ENVIRONMENT) test
	@exec $(VENV) -m pytest tests/compose $(TESTS)

test-release: ## Run everything, in the long versions that a release must pass
	$(ENVIRONMENT) test
	@LONG_TESTS=1 exec $(VENV) -m pytest --timeout 3600 $(TESTS)

diagram: ## Draw the picture of the architecture anew (needs Graphviz)
	@dot -Tsvg docs/architecture.dot -o docs/architecture.svg

screenshot: ## Take the picture in the README anew
	$(ENVIRONMENT) test
	@SCREENSHOT=docs/screenshot.png $(VENV) -m pytest --quiet tests/e2e/test_browser.py -k screenshot

clean: ## Remove the environment and all caches; the data in var/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
