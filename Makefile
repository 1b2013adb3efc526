# Two commands set everything up from nothing: `make run` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# one BLAS thread a process: results do not depend on the machine, and workers do not crowd each other
export OMP_NUM_THREADS ?= 1

.PHONY: run test bench testbed bench-testbed bench-splitting bench-dashboard clean

run: $(VENV)/installed
	$(BIN)/cosco-splitplace run

test: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

testbed: $(VENV)/installed
	$(BIN)/cosco-splitplace testbed up --workers 4 --folder .testbed
	$(BIN)/cosco-splitplace testbed run --folder .testbed --scheduler SplitPlace --intervals 10 --interval-seconds 20; \
	    status=$$?; $(BIN)/cosco-splitplace testbed down --folder .testbed; exit $$status

bench: $(VENV)/installed
	$(BIN)/python benchmarks/bench.py

$(VENV)/installed: setup.py constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

bench-testbed: $(VENV)/installed
	$(BIN)/python benchmarks/testbed.py

bench-splitting: $(VENV)/installed
	$(BIN)/python benchmarks/splitting.py

bench-dashboard: $(VENV)/installed-test
	$(BIN)/python benchmarks/dashboard.py

clean:
	rm -rf $(VENV) build *.egg-info
