# Everything sets itself up: a machine needs Python 3.11 or later, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest

.PHONY: demo lab test test-lowest lint types faults kills fuzz notebooks pictures bench bench-quick clean

demo: $(VENV)/.demo
	$(BIN)/python -m sdanalytics demo

lab: $(VENV)/.lab
	$(BIN)/python -m sdanalytics lab notebooks

# As many tests at a time as there are processors.
test: $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses auto

# With all that the package needs at the lowest versions that pyproject.toml allows.
test-lowest: $(LOWEST)/.test
	$(LOWEST)/bin/python -m pytest --numprocesses auto tests

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.test
	$(BIN)/mypy

# What docs/reliability.md tells of: minutes each. The first writes docs/faults.md.
faults: $(VENV)/.test
	$(BIN)/python -m tests.faults

kills: $(VENV)/.test
	$(BIN)/python -m tests.kills --kills 200 --seed 1
	$(BIN)/python -m tests.kills --api v3 --kills 100 --seed 1

fuzz: $(VENV)/.test
	$(BIN)/python -m tests.fuzzing --cases 100000 --seed 1

# Made again when what they show has changed, and committed.
notebooks: $(VENV)/.test
	$(BIN)/python docs/notebooks.py

pictures: $(VENV)/.test
	$(BIN)/python docs/pictures.py

# Peers go into environments of their own; it takes 20 minutes, and 8 GB of memory. With
# ONLY="parsing store" just these; the quick one writes beside, and takes 2 minutes.
bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(ONLY)

bench-quick: $(VENV)/.bench
	$(BIN)/python -m benchmarks --quick $(ONLY)

%/.created:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $*
	@touch $@

$(VENV)/.demo: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[sandbox]'
	@touch $@

$(VENV)/.lab: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[notebook,sandbox,sql]'
	@touch $@

$(VENV)/.test: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

# The lowest that have a wheel for this Python; test tools, and what others need, are the latest.
$(LOWEST)/.test: $(LOWEST)/.created pyproject.toml
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct --no-deps --only-binary :all: \
		--extra notebook --extra sandbox --extra sql --python $(LOWEST)/bin/python \
		--output-file $(LOWEST)/constraints.txt pyproject.toml
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python \
		--constraint $(LOWEST)/constraints.txt --editable '.[test]'
	@touch $@

$(VENV)/.bench: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) $(LOWEST) demo-output benchmarks/.peers benchmarks/.work
