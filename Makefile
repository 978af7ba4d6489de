# SPDX-License-Identifier: GPL-2.0-or-later
# Everything a developer runs. `make` lists the commands; each installs what it needs and is quick the second time.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON := /usr/bin/python3
# Environments live in a cache outside the checkout; see tools/environments.py. A recipe line begins with one of these.
DEV = dev=$$($(PYTHON) tools/environments.py dev-without-runtime); "$$dev/bin/python"
DEV_WITH_RUNTIME = dev=$$($(PYTHON) tools/environments.py dev); "$$dev/bin/python"
WITH_RUNTIME = runtime=$$($(PYTHON) tools/environments.py runtime); SPECIAL_PYTHON="$$runtime/bin/python"
SOURCES := special_qgis resources tests tools benchmarks

export LC_ALL ?= C.UTF-8
export HOME := $(or $(HOME),$(shell getent passwd "$$(id -u)" | cut -d: -f6))
export QT_QPA_PLATFORM := offscreen
# QGIS's Python must not pick up the caller's packages or settings.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV QGIS_PLUGINPATH QGIS_CUSTOM_CONFIG_PATH

.PHONY: help bootstrap runtime dev stage zip demo demo-model test test-layering test-qgis-lts lint format types lock clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{ printf "make %-14s %s\n", $$1, $$2 }'

bootstrap:  ## install QGIS and GDAL from Debian where they are missing (root or sudo)
	@tools/bootstrap.sh

runtime: bootstrap  ## install the engine's private runtime into the cache (about 6 GB)
	@$(PYTHON) tools/environments.py runtime

dev: bootstrap  ## install the test and check tools into the cache
	@$(PYTHON) tools/environments.py dev-without-runtime

stage:  ## assemble build/special_qgis, the plugin as QGIS loads it
	@$(PYTHON) tools/stage_plugin.py

zip:  ## build dist/special_qgis-<version>.zip
	@$(PYTHON) tools/build_zip.py

demo: bootstrap runtime stage  ## classify the demo scene with qgis_process; results in demo-output/
	@$(WITH_RUNTIME) $(PYTHON) tools/run_demo.py

demo-model: bootstrap runtime  ## paint, train, export and judge the demo checkpoint in build/demo_model (an hour)
	@export PYTHONPATH=.:tools OMP_NUM_THREADS=1; $(DEV_WITH_RUNTIME) -m demo_clip

test: bootstrap runtime stage  ## run all tests, two at a time; PYTEST="-k name" chooses some
ifeq ($(strip $(PYTEST)),)
	@dev=$$($(PYTHON) tools/environments.py dev); tools/run_tests.sh "$$dev/bin/python"
else
	@$(DEV_WITH_RUNTIME) -m pytest $(PYTEST)
endif

test-layering: bootstrap  ## check who imports whom (part of test; quick)
	@$(DEV) -m pytest -q tests/unit/test_layering.py

test-qgis-lts: bootstrap  ## run the tests with QGIS 3.40, Python 3.13, NumPy 2 in a Debian 13 root folder (root or sudo)
	@tools/test_qgis_lts.sh $(PYTEST)

lint: bootstrap  ## check format, style and security
	@$(DEV) -m ruff format --check $(SOURCES)
	@$(DEV) -m ruff check $(SOURCES)
	@$(DEV) -m flake8 --max-line-length=120 special_qgis resources
	@$(DEV) -m bandit --quiet --recursive special_qgis resources

format: bootstrap  ## bring the sources into form
	@$(DEV) -m ruff format $(SOURCES)
	@$(DEV) -m ruff check --fix $(SOURCES)

types: bootstrap  ## check types: strictly in the engine
	@$(DEV) -m mypy

lock: bootstrap  ## resolve the two lock files again
	@$(DEV) tools/lock_requirements.py

clean:  ## remove what was built; the cache stays
	@rm -rf build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
