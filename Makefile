# Two commands on a machine with git, make and python3: `make demo` and `make test`.
# Environments are built once and again when pyproject.toml or requirements/ change.

SHELL := /bin/bash
.DELETE_ON_ERROR:
# One suite at a time: each takes two cores, and the last line is pytest's.
.NOTPARALLEL:
# Hundreds of kernels and commands read the same files: compiled once, not by each of them.
unexport PYTHONDONTWRITEBYTECODE

PY ?= python3
# The oldest set needs Python 3.11: later ones cannot run IPython 7.34.
PY_OLDEST ?= $(firstword $(foreach p,$(PY) python3.11,$(shell $(p) -c 'import sys; sys.version_info[:2] == (3, 11) and print("$(p)")' 2>/dev/null)))

VENV := .venv
OLDEST := .venv-oldest
# An environment is bound to its folder and to what it was built from.
STATE := $(shell { pwd; cat pyproject.toml requirements/*.txt; } | cksum | cut -d' ' -f1)
PIP_OPTIONS := --quiet --disable-pip-version-check --no-warn-script-location

PYTEST := -m pytest
# Three on two cores: much of a test's time is waiting for its kernel.
PARALLEL := -n 3 --dist worksteal
# Real kernels on two shared cores: what fails is tried once more, and listed at the end with why.
TWICE := --reruns 1
# Tests that measure time run one at a time, after the others.
WITH_OTHERS := not alone and not soak and not extra and not browser
ONE_BY_ONE := alone and not soak and not extra and not browser

.PHONY: demo test test-newest test-oldest test-browser test-small test-py soak bench docs lint format picture \
    screenshots clean help

help:
	@echo "make demo      run notebooks/01_tour.ipynb in a real kernel; results in build/"
	@echo "make test      the whole suite, on the newest and on the oldest set of packages"
	@echo "make test-py PY=python3.12   the suite on another Python, newest packages"
	@echo "make bench     measure this project and its peers; writes docs/benchmarks.md"
	@echo "make soak      the tests that run for minutes"
	@echo "make lint      ruff (lint and format) and mypy"
	@echo "make docs      the documentation as a site, notebooks run for it; build/docs/index.html"
	@echo "make picture   docs/images/stats.png from the tour's real output"
	@echo "make screenshots   the browser tests; their pictures of the dashboard into docs/images"

# -- environments --------------------------------------------------------------------

# $(call build,FOLDER,PYTHON): an empty environment, or a message that says what is missing.
define build
	@$(2) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "pmat_nb needs Python 3.11 or later; $(2) is not. Try: make PY=python3.11 ..."; exit 1; }
	@[ -x $(1)/bin/python ] && $(1)/bin/python -m pip --version >/dev/null 2>&1 || $(2) -m venv --clear $(1) \
	    || { echo "cannot build $(1): install Python's venv (Debian: apt-get install python3-venv)"; exit 1; }
	@rm -f $(1)/.built-*
endef

# Each kind of environment has what the kinds before it have.
DEMO := $(VENV)/.built-demo-$(STATE)
TEST := $(VENV)/.built-test-$(STATE)
BENCH := $(VENV)/.built-bench-$(STATE)
SITE := $(VENV)/.built-docs-$(STATE)
OLD := $(OLDEST)/.built-$(STATE)

$(DEMO):
	$(call build,$(VENV),$(PY))
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[demo]'
	@touch $@

$(TEST): | $(DEMO)
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[test,cluster,engines,browser,examples,mcp,lint]'
	@touch $@

$(BENCH): | $(TEST)
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[bench]'
	@touch $@

$(SITE): | $(DEMO)
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[docs]'
	@touch $@

$(OLD):
	$(call build,$(OLDEST),$(PY_OLDEST))
	$(OLDEST)/bin/python -m pip install $(PIP_OPTIONS) -r requirements/oldest.txt
	$(OLDEST)/bin/python -m pip install $(PIP_OPTIONS) -c requirements/oldest.txt -e '.[test]'
	@touch $@

# -- what it does --------------------------------------------------------------------

demo: $(DEMO)
	@$(VENV)/bin/python scripts/demo.py

picture: $(DEMO)
	@$(VENV)/bin/python scripts/picture.py

docs: $(SITE)
	@$(VENV)/bin/python scripts/docs_site.py

# What the browser tests saw: build/screenshots has all of it, the documents show some.
screenshots: test-browser
	@cd docs/images && for name in dashboard-*.png; do cp ../../build/screenshots/$$name .; done

# -- tests ---------------------------------------------------------------------------

# What needs the standard library and psutil alone, or measures rather than asks a library: the
# newest set is enough. docs/development.md says why of each; single tests are marked `newest`.
NEWEST_ONLY := guard history log
NEWEST_ONLY += $(patsubst %,leaks/test_%.py,census counters corpus details draining evidence \
    native periodic plugin retained series sites traces tracker watching)
NEWEST_ONLY += sizing/test_engine.py snapshot/test_cost.py cleanup/test_measured.py pools/test_machine.py
NEWEST_ONLY += pressure/test_in_kernel.py survive/test_benign.py survive/test_stop_figures.py
NEWEST_ONLY += tune/test_contract.py profiling/test_native.py survive/test_notebook.py
NEWEST_ONLY += cli/test_busy.py run/test_ended_early.py run/test_unloading.py why/test_referrers.py
NEWEST_ONLY += test_layers.py test_support.py semantics/test_runner.py
LEFT_OUT := $(NEWEST_ONLY:%=--ignore=tests/%)

# $(call suite,PYTHON,OPTIONS,WHICH): WHICH narrows the marks; pytest ends with 5 where no test is marked `alone`.
define suite
	@echo "== $$($(1) -c 'import sys, importlib.metadata as m; print("Python", sys.version.split()[0], *(f"{n} {m.version(n)}" for n in ("ipython", "ipykernel", "pandas", "psutil")))')"
	@$(1) $(PYTEST) $(TWICE) -m "$(ONE_BY_ONE)$(3)" -q $(2) $(ARGS) || [ $$? -eq 5 ]
	@$(1) $(PYTEST) $(TWICE) $(PARALLEL) -m "$(WITH_OTHERS)$(3)" -q $(2) $(ARGS)
endef

test: test-newest test-oldest

test-newest: test-browser test-small
	$(call suite,$(VENV)/bin/python,$(SMALL:%=--ignore=%))

# They look at each object of their process: with the whole suite's modules in it, most of the time
# goes there.
SMALL := $(patsubst %,tests/leaks/test_%.py,details retained tracker)
SMALL += tests/sizing/test_engine.py tests/why/test_referrers.py
test-small: $(TEST)
	@echo "== in processes of few objects"
	@$(VENV)/bin/python $(PYTEST) $(TWICE) $(PARALLEL) --dist loadfile -q $(SMALL) $(ARGS) \
	    || [ $$? -eq $(if $(ARGS),5,0) ]

# JupyterLab, Notebook 7 and a browser take both cores: by themselves, before the others.
test-browser: $(TEST)
	@if $(VENV)/bin/python tests/browser/program.py; then \
	    echo "== the dashboard in a browser"; \
	    $(VENV)/bin/python $(PYTEST) $(TWICE) -m "browser and not soak" -q tests/browser $(ARGS) \
	        || [ $$? -eq $(if $(ARGS),5,0) ]; \
	elif [ "$(PMAT_CI)" = 1 ]; then exit 1; \
	else echo "== NOT RUN: the tests of the dashboard in JupyterLab and Notebook 7"; fi

ifneq ($(PY_OLDEST),)
test-oldest: $(OLD)
	$(call suite,$(OLDEST)/bin/python,$(LEFT_OUT), and not newest)
else ifeq ($(PMAT_CI),1)
test-oldest:
	@echo "the oldest set needs Python 3.11, which is not here"; exit 1
else
test-oldest:
	@echo "== NOT RUN: the oldest set needs Python 3.11, which is not here"
endif

PY_VENV := .venv-$(notdir $(PY))
PY_BUILT := $(PY_VENV)/.built-$(STATE)

$(PY_BUILT):
	$(call build,$(PY_VENV),$(PY))
	$(PY_VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[test,cluster,engines,mcp]'
	@touch $@

test-py: $(PY_BUILT)
	$(call suite,$(PY_VENV)/bin/python)

soak: $(TEST)
	$(VENV)/bin/python $(PYTEST) -m soak --timeout=3600 $(ARGS)

bench: $(BENCH)
	$(VENV)/bin/python -m benchmarks $(ARGS)

# -- form ----------------------------------------------------------------------------

lint: $(TEST)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(TEST)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf build dist $(VENV) .venv-*
