# Every target sets up .venv first if the lock has changed; `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help setup demo check test bench bare fix docs lock clean
BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## make .venv from requirements.lock, every package checked by its hash; the verifier's page
	@tools/setup
	@$(BIN)/python tools/build-verifier >/dev/null

demo: setup ## fill ./demo-data with a small vendor's 30 days, say what to try, serve until Ctrl-C
	@$(BIN)/vitne demo $(if $(PORT),--port $(PORT))

check: setup ## formatting, lint, types, import contracts, lock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	tools/lock --check

test: setup ## every test, the slow ones and the crash tests too
	@tools/test-tools
	$(BIN)/pytest -n 2 --dist worksteal

bench: setup ## measure this machine; writes bench/out
	$(BIN)/python -m bench

bare: ## try a fresh clone on a bare Debian (as root): make demo, make check test
	@tools/try-bare

fix: setup ## format, and repair what lint can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## write docs/reference anew from the code
	$(BIN)/python docs/build.py

lock: ## resolve the dependencies anew: uv.lock, requirements.lock
	@tools/lock

clean: ## remove what was built; keeps data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
