# fedpeer: `make demo` shows it, `make test` proves it. Each makes the virtual environment it needs, from the lock.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin
PIP    := $(RUN)/pip --disable-pip-version-check --quiet
# Without bytecode each worker of pytest would compile every test anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check soak bench lock clean
.DEFAULT_GOAL := test

# The runtime environment: what an operator installs, and nothing more.
$(VENV)/runtime: requirements/runtime.lock pyproject.toml
	@echo "Making $(VENV) (once; about a minute) ..."
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes -r requirements/runtime.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The same, with everything that checks and tests it.
$(VENV)/dev: requirements/dev.lock $(VENV)/runtime
	@echo "Adding the development tools to $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(VENV)/runtime  ## Three organisations federate over a real bus; about 20 seconds.
	@$(RUN)/fedpeer demo

check: $(VENV)/dev  ## Lint, types, layers and the pure tests; under a minute.
	@$(RUN)/ruff check
	@$(RUN)/ruff format --check
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/pytest -q -n 2 -m "not soak and not long" tests/core tests/architecture

test: $(VENV)/dev  ## Everything: check's static part, then every test against real servers and processes.
	@$(RUN)/ruff check
	@$(RUN)/ruff format --check
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/pytest -n 2

soak: $(VENV)/dev  ## The hostile tests, at length: 20 kills at each fail point, 10^6 forgeries; laws by other examples.
	@FEDPEER_SOAK=1 $(RUN)/pytest -m soak
	@FEDPEER_SOAK=1 $(RUN)/pytest -n 2 tests/core

bench: $(VENV)/dev  ## Ratios measured side by side in one run. Stop other work first.
	@$(RUN)/python scripts/bench.py

lock: $(VENV)/dev  ## Pin the newest allowed versions, with hashes, in requirements/*.lock.
	@$(RUN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --upgrade \
	  --custom-compile-command "make lock" pyproject.toml --group build -o requirements/runtime.lock
	@$(RUN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --upgrade \
	  --custom-compile-command "make lock" pyproject.toml --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock

clean:  ## Remove what the other targets made.
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
