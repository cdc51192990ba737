# Everything a developer does with this tree. It needs make and Python 3.11 or newer; the rest is installed into .venv.
#   PYTHON=/path/to/python   the interpreter to build .venv with (default: the newest supported one that is found)
#   JOBS=2                   processes that run tests side by side
#   ARGS="-k retry"          passed on to pytest, to the demo or to the benchmarks

VENV   ?= .venv
JOBS   ?= 2
ARGS   ?=
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test check fix bench chaos matrix lock clean ui e2e screenshots

help: ## Print these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Server, worker, and a real pipeline on real data: deployed with a schedule, and run twice
	$(BIN)/python examples/demo.py $(ARGS)

demo-stop: $(READY) ## Stop what the demo has left running
	$(BIN)/python examples/demo.py --stop

test: $(READY) ## Run all tests (chaos tests in their short form)
	@$(BIN)/python tools/build_page.py --if-possible
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(READY) ## Style, types, arrows between rooms, sizes, names: everything that needs no test run
	$(BIN)/python tools/check.py

ui: $(READY) ## Build the page of the server anew, when something of it changed
	$(BIN)/python tools/build_page.py $(ARGS)

e2e: $(READY) ui ## Drive the page in a real browser: every view, every action, in full length
	LEVADA_E2E=long $(BIN)/python -m pytest tests/e2e $(ARGS)

screenshots: $(READY) ui ## Take the pictures of the page that the documentation shows, light and dark
	$(BIN)/python -m tests.e2e.pictures $(ARGS)

fix: $(READY) ## Format, and repair what ruff can repair
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

bench: $(READY) ## Measure Levada beside its peers (peers are installed on demand in their own environments)
	$(BIN)/python -m benchmarks $(ARGS)

chaos: $(READY) ## Run the chaos tests in their long form: kills, torn files, full disks, many processes
	LEVADA_CHAOS=long $(BIN)/python -m pytest tests/chaos -m chaos -o faulthandler_timeout=1800 $(ARGS)

matrix: ## Run the tests on every supported Python that this machine has
	JOBS=$(JOBS) sh tools/matrix.sh $(ARGS)

lock: $(READY) ## Refresh the pins in requirements/ (newer versions: ARGS=--upgrade)
	sh tools/lock.sh $(BIN)/uv $(ARGS)

clean: ## Remove the environments, caches and build products
	rm -rf $(VENV) .venv-3.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp lies inside the environment, so that removing the one removes the other.
$(READY): requirements/dev.txt requirements/demo.txt requirements/uv.txt pyproject.toml tools/environment.sh
	PYTHON="$(PYTHON)" sh tools/environment.sh $(VENV)
	@touch $@
