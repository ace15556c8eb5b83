# Everything sets itself up: a machine needs Python 3.11 or later, git and make.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
# Percent of lines and branches that the tests reach.
COVERAGE_FLOOR := 96
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTEST := $(BIN)/python -m pytest --numprocesses auto $(if $(COVERAGE),--cov=sdanalytics --cov-append)

# Without bytecode every process of the tests compiles again what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo lab test test-e2e test-rest test-all test-lowest lint types audit faults kills stress fuzz docs notebooks \
	pictures bench bench-quick package clean

demo: $(VENV)/.demo
	$(BIN)/python -m sdanalytics demo

lab: $(VENV)/.lab
	$(BIN)/python -m sdanalytics lab notebooks

# As many tests at a time as there are processors: a signal in two minutes, all in less than nine.
# With COVERAGE=yes, branch coverage is measured: test begins a measurement, test-rest ends it.
test: $(VENV)/.test
	rm -f .coverage
	$(PYTEST) -m "not slow" tests/unit tests/integration

test-e2e: $(VENV)/.test
	$(PYTEST) -m "not slow" tests/e2e

test-rest: $(VENV)/.test
	$(PYTEST) -m slow tests/unit tests/integration
	$(PYTEST) $(if $(COVERAGE),--cov-fail-under=$(COVERAGE_FLOOR)) tests/resilience tests/e2e

test-all:
	$(MAKE) COVERAGE=yes test
	$(MAKE) COVERAGE=yes test-rest

# With all that the package needs at the lowest versions that pyproject.toml allows.
test-lowest: $(LOWEST)/.test
	$(LOWEST)/bin/python -m pytest --numprocesses auto tests/unit tests/integration

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml \
		docs/schedules/github-actions.yml
	$(BIN)/pre-commit validate-config .pre-commit-config.yaml

types: $(VENV)/.test
	$(BIN)/mypy

# Known vulnerabilities of what users get: the newest versions, and the lowest that pyproject.toml
# allows. The one that is ignored cannot be reached from Python: Arrow's bindings do not have it.
AUDIT := $(BIN)/pip-audit --strict --progress-spinner off --disable-pip --no-deps
audit: $(VENV)/.audit $(LOWEST)/constraints.txt
	$(BIN)/python -m pip freeze --exclude-editable > $(VENV)/installed.txt
	$(AUDIT) --requirement $(VENV)/installed.txt
	$(AUDIT) --ignore-vuln GHSA-rgxp-2hwp-jwgg --requirement $(LOWEST)/constraints.txt

# What docs/reliability.md tells of: minutes each. The first writes docs/faults.md.
faults: $(VENV)/.test
	$(BIN)/python -m tests.resilience.faults

kills: $(VENV)/.test
	$(BIN)/python -m tests.resilience.kills --kills 200 --seed 1
	$(BIN)/python -m tests.resilience.kills --api v3 --kills 100 --seed 1
	$(BIN)/python -m tests.resilience.kills --api v1 --kills 40 --seed 1

stress: $(VENV)/.test
	$(BIN)/python -m tests.resilience.stress --seconds 420 --seed 1
	$(BIN)/python -m tests.resilience.stress --storage s3 --seconds 180 --seed 1

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.resilience.fuzzing --cases 100000 --seed 1

# The site, in docs/_build/html. Its code runs against a sandbox; a warning is an error.
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx --jobs auto --quiet --fail-on-warning --keep-going \
		--doctree-dir docs/_build/doctrees docs docs/_build/html

# Made again when what they show has changed, and committed.
notebooks: $(VENV)/.test
	$(BIN)/python docs/notebooks.py

pictures: $(VENV)/.test
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/contact_sheet.py

# Peers go into environments of their own; it takes 20 minutes, and 8 GB of memory. With
# ONLY="parsing store" just these; the quick one writes beside, and takes 2 minutes.
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ONLY)

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks --quick $(ONLY)

# What goes to the package index.
package: $(VENV)/.package
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist

%/.created:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $*
	@touch $@

# Dependency groups need pip 25.1; a new environment has the pip that came with its Python.
$(VENV)/.pip: $(VENV)/.created
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.lab: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/.test: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

# The lowest that have a wheel for this Python; test tools, and what others need, are the latest.
$(LOWEST)/constraints.txt: $(LOWEST)/.created pyproject.toml
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct --no-deps --only-binary :all: \
		--all-extras --python $(LOWEST)/bin/python --output-file $@ pyproject.toml

$(LOWEST)/.test: $(LOWEST)/constraints.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--constraint $(LOWEST)/constraints.txt --editable '.[all]' --group test
	@touch $@

$(VENV)/.docs: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group docs
	@touch $@

$(VENV)/.audit: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group audit
	@touch $@

$(VENV)/.bench: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[sql]' --group bench
	@touch $@

$(VENV)/.package: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --group package
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) dist docs/_build demo-output benchmarks/.peers benchmarks/.work
