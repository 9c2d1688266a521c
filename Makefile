# `make` lists what there is. Everything runs from .venv; nothing is installed outside this folder.
.DEFAULT_GOAL := help
.NOTPARALLEL:
# What some tests compare with; it lies beside the project, where it lies at all.
VENDOR_DOCUMENT := ../shared/iiko/cloud-openapi.json
.PHONY: help install run audit test test-rerun test-prepare test-fast test-vendor fuzz chaos check check-static bench docs lock messages clean

# Compiled files are kept, else each of the many processes that tests start compiles everything anew.
export PYTHONDONTWRITEBYTECODE :=

PORT ?= 8000
# For a server that only runs the hub: make install REQUIREMENTS=requirements.txt
REQUIREMENTS ?= requirements-dev.txt
BIN := .venv/bin
STAMP := .venv/installed
# The first Python that is new enough; `make install PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$name; break; fi; done)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

# The stamp holds a checksum of what was installed and is written last: an interrupted install is
# repeated, a finished one costs nothing.
install: ## Make .venv with the locked requirements, unless it is current: make install [REQUIREMENTS=...]
	@set -e; \
	wanted="$$(cksum < $(REQUIREMENTS))"; \
	if [ "$$wanted" = "$$(cat $(STAMP) 2>/dev/null)" ] && $(BIN)/python -c 'import django' 2>/dev/null; then exit 0; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		if [ -z "$(PYTHON)" ]; then \
			echo "Python 3.11 or newer is needed and was not found. Name it: make install PYTHON=/path/to/python" >&2; exit 1; \
		fi; \
		if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "$(PYTHON) is not Python 3.11 or newer. Name another: make install PYTHON=/path/to/python" >&2; exit 1; \
		fi; \
		if ! "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$(PYTHON) came without venv. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
		fi; \
		"$(PYTHON)" -m venv --clear .venv; \
	fi; \
	echo "Installing the locked requirements into .venv (once, a minute or two)..."; \
	rm -f $(STAMP); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(REQUIREMENTS); \
	echo "$$wanted" > $(STAMP)

run: install ## Run the whole hub with demo data and a simulated iiko: make run [PORT=8000] [EMPTY=1]
	@$(BIN)/python manage.py demo --port $(PORT) --end-with-parent $(if $(EMPTY),--empty)

# One more than there are processors: tests of processes wait, but each worker collects all tests for itself
# (half a minute), and what runs beside a test of processes takes its time limits.
WORKERS ?= $(shell $(BIN)/python -c 'import os; print(os.cpu_count() + 1)' 2>/dev/null || echo auto)

test: install ## Run the tests: make test [ARGS="-k inbox"]
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-rerun: install ## After `make test`: run what failed once more, one after the other (ten tests at most)
	$(BIN)/python -m tests.rerun_failed

test-prepare: install ## Compile the tests and migrate their databases, which the workers of the first run would do at once
	$(BIN)/python -m tests.database
	$(BIN)/python -m pytest --collect-only -qq >/dev/null

test-fast: install ## Run the tests that start no processes, no browser and take no long: make test-fast [ARGS=...]
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "not process and not browser and not long" $(ARGS)

test-vendor: install ## Compare with the vendor's document, ../shared/iiko/cloud-openapi.json
	@test -f $(VENDOR_DOCUMENT) || { echo "The vendor's document is needed at $(VENDOR_DOCUMENT)." >&2; exit 1; }
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "vendor or (compared and not process and not browser)" $(ARGS)

FUZZ_EXAMPLES ?= 50
FUZZ_WORKERS ?= auto
# Another search each time; it is printed, and repeats the search.
FUZZ_SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')

fuzz: install ## Look for requests the API's description does not cover: make fuzz [FUZZ_EXAMPLES=50] [FUZZ_SEED=]
	FUZZ_SEED=$(FUZZ_SEED) FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) \
	$(BIN)/python -m pytest -p tests.fuzz_report -n $(FUZZ_WORKERS) tests/test_openapi_holds.py $(ARGS)

chaos: install ## Kill, stop, cut off and fill what the hub stands on, then judge: make chaos [ARGS="--minutes 20 --seed 7"]
	$(BIN)/python -m chaos $(ARGS)

check: check-static test ## Everything that CI runs

check-static: install ## Format, lint, types, import map, migrations, Django's own checks
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

AUDIT_VENV := .data/audit

audit: install ## Ask whether locked packages have known vulnerabilities, where the service can be reached
	@if [ "$$(cksum < requirements-audit.txt)" != "$$(cat $(AUDIT_VENV)/installed 2>/dev/null)" ]; then \
		$(BIN)/python -m venv --clear $(AUDIT_VENV) && \
		$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.txt && \
		cksum < requirements-audit.txt > $(AUDIT_VENV)/installed || \
		{ echo "NOT CHECKED: pip-audit could not be installed."; exit 0; }; \
	fi; \
	$(BIN)/python -m tests.dependency_audit $(AUDIT_VENV)/bin/pip-audit

bench: install ## Measure: make bench [ARGS=...]
	$(BIN)/python -m bench $(ARGS)

docs: install ## Write docs/configuration.md anew from .env.example
	$(BIN)/python -m tests.configuration_page

lock: ## Lock requirements*.in with hashes (needs uv)
	@command -v uv >/dev/null || { echo "uv is needed: python3 -m pip install uv" >&2; exit 1; }
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q requirements.in -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q requirements-dev.in -c requirements.txt -o requirements-dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q requirements-audit.in -o requirements-audit.txt

messages: install ## Collect and compile the translations (needs gettext)
	@command -v xgettext >/dev/null || { echo "gettext is needed: apt-get install gettext" >&2; exit 1; }
	$(BIN)/python manage.py makemessages --locale ru --locale en --no-obsolete --add-location file --ignore '.*'
	$(BIN)/python manage.py compilemessages --ignore '.*'

clean: ## Remove what the tools leave behind; .venv and the data stay
	rm -rf .data/tests .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
