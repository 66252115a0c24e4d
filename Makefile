# The two commands: `make run` and `make test`. Each does its own set-up; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
CARGO ?= cargo
KGL := target/release/kgl

say = @printf '\033[1m== %s\033[0m\n' "$(1)" >&2

.PHONY: run
run: build ## Set up, build, and serve from ./data on http://127.0.0.1:8000
	$(call say,starting; Ctrl-C stops it and its PostgreSQL)
	@exec ./$(KGL) serve

.PHONY: test
test: ## Set up and run every test
	@bash scripts/setup.sh tests
	$(call say,building the tests (about 4 minutes the first time on 2 cores))
	@$(CARGO) test --workspace --no-run --quiet
	$(call say,checking the deployment files)
	@$(PYTHON) scripts/check_deploy.py
	$(call say,running the tests (about 5 minutes))
	@$(CARGO) test --workspace --no-fail-fast

.PHONY: setup
setup: ## Fetch what the build needs; does nothing the second time
	@bash scripts/setup.sh

.PHONY: build
build: setup ## Build the release binary, target/release/kgl
	$(call say,building kgl (about 6 minutes the first time on 2 cores; seconds after that))
	@$(CARGO) build --release --bin kgl

.PHONY: demo
demo: build ## Submit the articles in samples/ to the running service and print their graph
	@./$(KGL) submit samples/*

.PHONY: lint
lint: setup ## Check formatting and lints
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

.PHONY: fmt
fmt: ## Format the code
	@$(CARGO) fmt --all

.PHONY: train
train: setup ## Train the extractor's models anew: make train DATA=<texts> (an hour; see docs/models.md)
	@test -n "$(DATA)" || { echo 'train: name the folder of the texts: make train DATA=<texts>' >&2; exit 2; }
	@bash extraction/training/run.sh "$(DATA)"

.PHONY: clean-data
clean-data: ## Delete ./data: the embedded database, all documents and secrets
	@rm -rf data

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
