# Every target works from a fresh clone with python3, make and git only; the work is in dev.py.
# `make test ARGS="-k ledger -x"` hands arguments on to pytest.
PYTHON ?= python3
ARGS ?=

.PHONY: help demo test check sim bench docs lint clean

help:
	@$(PYTHON) dev.py help

demo test check sim bench docs lint clean:
	@$(PYTHON) dev.py $@ $(ARGS)
