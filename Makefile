# Everything a newcomer needs: `make demo` shows it, `make test` proves it.
VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check
RUNS   ?= runs

.PHONY: help setup demo test check bench soak mutate fix servers clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "prsm-sim needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11 …" >&2; exit 2; }
	@echo "making $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# A stamp for each set of extras, so that what is installed is not installed again.
$(VENV)/.live: pyproject.toml | $(BIN)/python
	@echo "installing prsm-sim[live] …"
	@$(PIP) --constraint constraints.txt --editable '.[live]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing prsm-sim[test] …"
	@$(PIP) --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.live

$(VENV)/.mutate: pyproject.toml | $(BIN)/python
	@echo "installing prsm-sim[mutate] …"
	@$(PIP) --constraint constraints.txt --editable '.[mutate]'
	@touch $@ $(VENV)/.test $(VENV)/.live

setup: $(VENV)/.test  ## build .venv with all that development needs

demo: $(VENV)/.live  ## a simulated research market, then the same actors live over MQTT
	@$(BIN)/python -m prsm_sim.demo --runs $(RUNS)

check: $(VENV)/.test  ## lint, types, floors and the quick tests (under 2 minutes)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -x -n auto --dist worksteal -m 'not server and not slow' tests

# Without a server its tests are skipped, with the reason; in CI they fail.
servers:
	@scripts/install-servers.sh || test -z "$$CI"

test: $(VENV)/.test servers  ## everything: lint, types, units, properties, real servers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -x tests/law tests/kernel
	@$(BIN)/python -m pytest -q tests --ignore tests/law --ignore tests/kernel

bench: $(VENV)/.test  ## kernel, consensus and economy against their rivals, as ratios
	@$(BIN)/prsm bench kernel
	@$(BIN)/prsm bench consensus
	@$(BIN)/prsm bench economy

soak: $(VENV)/.test  ## 100,000 seeds of the code as it is: no oracle may find anything
	@mkdir -p benchmarks/soak
	@$(BIN)/prsm fuzz consensus_baseline --seeds 100000 --workers 2 --keep-going --no-shrink --json \
		> benchmarks/soak/consensus_baseline.json

mutate: $(VENV)/.mutate  ## is every line of agents/consensus tested? An hour or two; resumes
	@$(BIN)/python scripts/mutate.py --stage quick
	@$(BIN)/python scripts/mutate.py --stage long
	@$(BIN)/python scripts/mutate.py --stage deep --at-least 90

fix: $(VENV)/.test  ## format, and mend what lint can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

clean:  ## remove what was built (not your runs)
	rm -rf $(VENV) .cache build dist mutants *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
