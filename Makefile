# The one door. Everything below works on a bare Debian 12 with python3.11, git and make.

BIN := .venv/bin
# Where viewers are installed for demo and tests.
export BELVEDERE_VIEWERS_FOLDER ?= $(CURDIR)/.viewers
# Where this is set, each start compiles all that it imports: three times the work.
unexport PYTHONDONTWRITEBYTECODE
DATA ?= data
LOG_ROOT ?= logs
PORT ?= 8080
VIEWER_PORT ?= 8081
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml

.PHONY: help viewers demo serve test format lint types unit docs bench soak lock clean setup setup-dev

help:
	@echo "make demo     set up, start, show sample logs, print the link     (DEMO_ONCE=1: look, and end)"
	@echo "make serve    run the service            (DATA=./data LOG_ROOT=./logs PORT=8080 VIEWER_PORT=8081)"
	@echo "make test     all checks and all tests"
	@echo "make soak     5,000 random cycles of viewers with every fault; looks for leaks       (CYCLES=5000)"
	@echo "make format lint types unit docs bench lock clean     one of them alone"

setup:
	@bash scripts/setup.sh run

setup-dev:
	@bash scripts/setup.sh dev

# MindInsight needs an environment of its own: 470 MB, some 20 s the first time.
viewers: setup
	@$(BIN)/belvedere viewer install mindinsight

demo: setup
	@exec env PORT=$(PORT) VIEWER_PORT=$(VIEWER_PORT) bash scripts/demo.sh

serve: setup
	@mkdir -p $(LOG_ROOT)
	@exec $(BIN)/belvedere serve --data $(DATA) --log-root $(LOG_ROOT) --port $(PORT) --viewer-port $(VIEWER_PORT)

# pytest comes last, so that its closing line does.
test: lint types docs
	$(BIN)/belvedere viewer install mindinsight
	$(BIN)/belvedere viewer install netron
	$(BIN)/pytest $(PYTEST)

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup-dev
	$(BIN)/mypy

unit: setup-dev
	$(BIN)/pytest tests/unit $(PYTEST)

docs: setup-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site

bench: setup-dev
	$(BIN)/python -m benchmarks

soak: setup-dev
	$(BIN)/python -m tests.support.soak $(or $(CYCLES),5000)

lock: setup-dev
	$(BIN)/$(COMPILE) -o requirements.lock
	$(BIN)/$(COMPILE) --group dev --group docs -o requirements-dev.lock

clean:
	rm -rf .venv site build dist demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .viewers
