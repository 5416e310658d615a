# `make help` lists the targets; everything happens in this folder, but for missing packages.

VENV := .venv/bin
export PATH := $(CURDIR)/$(VENV):$(PATH):/usr/sbin:/sbin
SHELL_SCRIPTS := .ci/run $(wildcard scripts/*.sh)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench docs lock wheel clean prepare-demo prepare-test

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: prepare-demo ## watch two containers get their network stacks and talk, on this kernel
	@glassbridge demo

test: prepare-test check ## every check and test; kernel tests run in namespaces of their own
	pytest -n 2

check: prepare-test ## what needs no run: format, lint, types, shell scripts
	ruff format --check
	ruff check
	mypy
	shellcheck $(SHELL_SCRIPTS)

bench: prepare-test ## measure attach, trace, names, and CNI, Podman and Docker beside what we replace
	python bench/bench.py $(BENCH_FLAGS)

docs: prepare-test ## write the generated parts of docs/ anew
	python scripts/architecture_page.py
	python scripts/ruleset_page.py
	python scripts/cli_page.py
	python scripts/walk_picture.py
	python scripts/schemas.py

lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --group dev \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --output-file requirements.lock pyproject.toml

wheel: prepare-test ## build wheel and source archive into dist/
	python -m hatchling build

clean: ## delete what make made: environment, caches, builds
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf dist build
	find src tests scripts bench -name __pycache__ -type d -exec rm -rf {} +

prepare-demo:
	@scripts/prepare.sh demo

prepare-test:
	@scripts/prepare.sh test
