# Everything that people and CI do here; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help run demo test check lock bench pressure load images-offline upgrade reload pin secrets prune footprint scenario \
	image-load image-push cluster cluster-stop compose-test test-release diagram screenshot screenshots clean

# What counts is what stands on make's command line: a shell exports names as plain as these for
# other programs.
$(foreach name,PYTHON OPTIONS TESTS JOBS URL STEPS SECONDS USAGE WORKERS REGISTRY VERSION CLUSTER NAME ON UNDO, \
	$(if $(filter command,$(origin $(name))),,$(eval override $(name) :=)))

# Any Python from 3.11: make run PYTHON=python3.12
override PYTHON := $(or $(PYTHON),python3)
# Passed on: make run OPTIONS='--set consumer.LOG_LEVEL=DEBUG', make test TESTS='-k cart'
# Most tests wait more than they compute: make test JOBS=3
override PARALLEL = $(if $(filter-out 1,$(JOBS)),-n $(JOBS) --dist loadfile)

# Python in an environment that is made if need be, and that inherits what local/inherited.py
# lets through: $(IN) <what it is for> <Python's arguments>
override IN = command -v "$(PYTHON)" >/dev/null || \
	{ echo "There is no $(PYTHON): install Python 3.11 or newer, or name it with PYTHON=…" >&2; exit 1; }; \
	exec "$(PYTHON)" -Es tools/in_venv.py
# In front of a line: its output comes at once, also if MAKEFLAGS has --output-sync. (A plus does
# that, as for a make within make, but would also run the line for `make -n`.)
override LIVE = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),,+)

help: ## This list
	@echo "make <target>, where target is one of"
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  \1	\2/p' Makefile

run: ## Set up what is missing, start the shop, stop it with Ctrl-C
	$(LIVE)@$(IN) local -m local --end-with-parent $$PPID $(OPTIONS)

demo: ## Play a customer against the running shop; print the stored row and the trace
	$(LIVE)@$(IN) local -m local.demo $(OPTIONS)

test: ## Run every test that this machine can run, and say what it skipped and why
	$(LIVE)@$(IN) test,load -m pytest $(PARALLEL) $(TESTS)

check: ## Complain about format, lint, types and whatever the repository says twice
	$(LIVE)@$(IN) test -m ruff format --no-cache --check .
	$(LIVE)@$(IN) test -m ruff check --no-cache .
	$(LIVE)@$(IN) test -m mypy
	$(LIVE)@$(IN) test -m pytest --quiet tests/conformance $(TESTS)

override LOCK := .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(OPTIONS)

lock: ## Lock what pyproject.toml asks for, with hashes (all anew: OPTIONS=--upgrade)
	$(LIVE)@$(IN) test -m local.pip install --quiet --upgrade --target .venv/lock --require-hashes -r requirements/lock.txt
	@$(LOCK) --output-file requirements/services.txt pyproject.toml
	@$(LOCK) --output-file requirements/local.txt pyproject.toml --group local
	@$(LOCK) --output-file requirements/test.txt pyproject.toml --group local --group housekeeping --group test
	@$(LOCK) --output-file requirements/housekeeping.txt --constraint requirements/services.txt \
		--group pyproject.toml:housekeeping
	@$(LOCK) --output-file requirements/load.txt --group pyproject.toml:load
	@$(LOCK) --output-file requirements/plots.txt --group pyproject.toml:plots

bench: ## Measure the request path; prints ratios
	$(LIVE)@$(IN) bench -m benchmarks $(OPTIONS)

# make pressure URL=http://127.0.0.1:8080 (overload only), OPTIONS='--only "publisher: frozen"'
pressure: ## Overload a shop and break what is behind its gateway; print a table with verdicts
	$(LIVE)@$(IN) bench -m benchmarks.pressure $(if $(URL),--url "$(URL)") $(OPTIONS)

# make load URL=… STEPS=20,40,80 SECONDS=30 WORKERS=2 USAGE=var OPTIONS='--arrivals constant'
override STEPS_USUAL := 20,40,80

load: ## Offer a shop rising rates; print percentiles and a verdict, save a plot
	$(LIVE)@$(IN) load -m locust -f loadtest/locustfile.py --headless $(if $(URL),--host "$(URL)") \
		--steps "$(or $(STEPS),$(STEPS_USUAL))" --step-seconds "$(or $(SECONDS),30)" \
		--usage "$(USAGE)" $(if $(filter-out 1,$(WORKERS)),--processes $(WORKERS)) $(OPTIONS)

# make scenario NAME=consumer-dies SECONDS=300 ON=compose; UNDO=1 undoes what a killed one has left
scenario: ## Let something go wrong as docs/scenarios/ tells, and undo it (NAME=…)
	$(LIVE)@$(IN) scenario -m tools.scenarios $(if $(NAME),"$(NAME)") $(if $(ON),--on "$(ON)") \
		$(if $(SECONDS),--seconds "$(SECONDS)") $(UNDO:%=--undo) $(OPTIONS)

images-offline: ## Build stand-ins for the pinned images where no image registry can be reached
	$(LIVE)@$(IN) test -m tools.offline_images $(OPTIONS)

# These need nothing but Docker and Python; Docker's own command inherits everything, as it does
# when it is called by hand.
override OPERATE = exec "$(PYTHON)" -Es -m

upgrade: ## Replace the services in Docker by those of this folder, without a failed request
	@$(OPERATE) operations.upgrade $(OPTIONS)

reload: ## Restart what runs in Docker with older configuration files than this folder has
	@$(OPERATE) operations.reload $(OPTIONS)

pin: ## Pin every image in Docker by the digest that its tag has today
	@$(OPERATE) operations.pin_images $(OPTIONS)

secrets: ## Make new secrets for the stack in Docker while it runs
	@$(OPERATE) operations.rotate_secrets $(OPTIONS)

prune: ## Remove images of the shop from Docker that are no longer used (OPTIONS=--dry-run)
	@$(OPERATE) operations.prune_images $(OPTIONS)

footprint: ## Say how much memory the stack in Docker uses
	@$(OPERATE) operations.footprint $(OPTIONS)

# make image-load CLUSTER=kind, where kubectl's context does not tell which kind of cluster it is
image-load: ## Build the images of this folder into a Kubernetes cluster on this machine
	@$(OPERATE) operations.cluster_images load $(if $(CLUSTER),--cluster "$(CLUSTER)") \
		$(if $(VERSION),--version "$(VERSION)") $(OPTIONS)

# make image-push REGISTRY=registry.example.com/shop VERSION=1.4.0
image-push: ## Build the images of this folder, push them to REGISTRY, name them in k8s/
	@$(OPERATE) operations.cluster_images push $(if $(REGISTRY),--registry "$(REGISTRY)") \
		$(if $(VERSION),--version "$(VERSION)") $(OPTIONS)

cluster: ## Start a real Kubernetes node here, with the images; it says what to type next (needs root)
	$(LIVE)@$(IN) test -m tools.cluster node start $(OPTIONS)

cluster-stop: ## Stop that node; nothing of it is left but its images
	$(LIVE)@$(IN) test -m tools.cluster node stop

compose-test: ## Run the tests that bring the whole stack up in Docker
	$(LIVE)@$(IN) test -m pytest tests/compose $(TESTS)

test-release: ## Run everything, in the long versions that a release must pass
	$(LIVE)@export LONG_TESTS=1; $(IN) test -m pytest --timeout 3600 $(TESTS)

diagram: ## Draw the picture of the architecture anew (needs Graphviz)
	@dot -Tsvg docs/architecture.dot -o docs/architecture.svg

screenshots: ## Draw the main dashboards as plots, of a shop that is visited for five minutes
	$(LIVE)@$(IN) test -m tests.panel_data var/panels.json
	$(LIVE)@$(IN) plots -m observability.plots var/panels.json docs/dashboards

screenshot: ## Take the picture in the README anew
	$(LIVE)@export SCREENSHOT=docs/screenshot.png; $(IN) test -m pytest --quiet tests/e2e/test_browser.py -k screenshot

clean: ## Remove the environment and all caches; the data in var/ stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
