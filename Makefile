# Each target does its own set-up: on a fresh machine `make run` and `make test` need Python 3.11 or newer and no more.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SETUP := setup.cfg setup.py pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test unit lint types check image-check bench bench-quick thrift thrift-tests clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

run: $(VENV)/.run  ## start the daemon on the embedded store (TWISTD_ARGS="--port 7001" for options)
	$(BIN)/twistd -n --pidfile= tasks $(TWISTD_ARGS)

test: $(VENV)/.test  ## every test, with a real mongod (PYTEST_ARGS="-k name" for some)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

unit: $(VENV)/.test  ## the tests that need no socket, process or database: seconds
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

lint: $(VENV)/.lint  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint  ## types
	$(BIN)/mypy

check: lint types test  ## what CI runs

bench: $(VENV)/.bench  ## compare with other servers, on a quiet machine: twenty minutes, benchmarks/results.md
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.bench  ## the main ratios, in two minutes
	$(BIN)/python -m benchmarks --quick

# Not part of check: needs Docker and an image (docker build -t twisted-tasks .); docs/docker.md says how else.
DOCKER ?= docker
IMAGE ?= twisted-tasks
image-check: $(VENV)/.test  ## try the image that was built (DOCKER=podman, IMAGE=name)
	DOCKER="$(DOCKER)" IMAGE="$(IMAGE)" $(BIN)/python -m pytest tests/image/check_image.py $(PYTEST_ARGS)

# The compiler reads our own IDL less one default. "optional string name = ''" makes generated code answer "" for a
# name that was not sent, and upsert has to know the two apart. What is on the wire stays the same for clients that are
# generated from tasks.thrift itself. Needs Debian's thrift-compiler.
thrift:  ## write twisted_tasks/gen again from tasks.thrift
	rm -rf build/thrift && mkdir -p build/thrift
	sed 's/optional string name = ""/optional string name/' tasks.thrift > build/thrift/tasks.thrift
	thrift --gen py:twisted -out build/thrift build/thrift/tasks.thrift
	rm -rf twisted_tasks/gen/tasks
	cp -r build/thrift/twisted_tasks/gen/tasks twisted_tasks/gen/tasks
	rm twisted_tasks/gen/tasks/Tasks-remote

EXAMPLES := tests/interop/gen/examples
thrift-tests:  ## write the code again that tests/interop generates: of its own IDL, and of docs/protocol.md's examples
	rm -rf build/thrift $(EXAMPLES) && mkdir -p build/thrift $(EXAMPLES)
	for language in py:twisted py; do \
		thrift --gen $$language -out build/thrift tests/interop/everything.thrift || exit 1; \
	done
	thrift --gen js:node,es6 -out tests/interop/node/gen tests/interop/everything.thrift
	thrift --gen py -o $(EXAMPLES) tasks.thrift
	sed 's/string next/string next_/' tasks.thrift > build/thrift/tasks.thrift
	thrift --gen js:node,es6 -o $(EXAMPLES) build/thrift/tasks.thrift
	cp -r build/thrift/tests/interop/gen tests/interop
	find tests/interop/gen -name '*-remote' -delete

clean:  ## forget the virtual environment and everything built
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# "compat" puts the checkout itself on the path: the default editable install hides twisted/plugins from Twisted.
EDITABLE := --config-settings editable_mode=compat -e

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[cli]'
	touch $@

$(VENV)/.test: $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[cli,test]'
	touch $@

$(VENV)/.bench: $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[test,bench]'
	touch $@

$(VENV)/.lint: $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[cli,test,lint]'
	touch $@
