# make says what there is to make; each target says what it runs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

INVENTORY ?= inventories/dev
ANSIBLE_ARGS ?=
APPS ?= tasks beers records web hello
ARGS ?=

# scripts/setup writes it: .venv on PATH, where Terraform finds its providers.
with_env = . .build/env &&
checkov = .build/checkov/bin/checkov
antsibull = .build/antsibull/bin/antsibull-docs

.PHONY: help setup check deploy destroy stop generate policies statements lint lint-ansible lint-others lint-security secrets-baseline lint-collection site site-pages test test-quick clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'make deploy ANSIBLE_ARGS="--limit tasks"      arguments for ansible-playbook'
	@echo 'make deploy INVENTORY=inventories/staging     another environment'
	@echo 'make test ARGS="-k network"                   arguments for pytest'

setup: ## Make this machine ready (installs what is missing, repeats in seconds)
	scripts/setup

check: ## Say what setup would do, and do nothing
	scripts/setup --check

deploy: setup ## Deploy every app of the inventory and check that it works
	$(with_env) ansible-playbook site.yml -i $(INVENTORY) $(ANSIBLE_ARGS)

destroy: setup ## Remove everything the environment holds (asks for its name)
	$(with_env) ansible-playbook playbooks/destroy.yml -i $(INVENTORY) $(ANSIBLE_ARGS)

stop: ## Stop the emulator
	if [ -e .build/env ]; then $(with_env) slipway-emulator stop; fi

generate: setup ## Write roles' specifications and README tables from what they follow from
	$(with_env) PYTHONPATH=.build/collections python -m terraform.generate

policies: setup ## Write the deployer's policies from what the end-to-end tests ask of the emulator (an hour; ARGS="-k site" adds what some ask)
	$(with_env) SLIPWAY_RECORD_POLICIES=1 pytest -v $$(grep --only-matching 'tests/e2e/test_[a-z_]*.py' pyproject.toml | grep --invert-match policies) $(ARGS)
	$(with_env) python -m terraform.policies $(if $(ARGS),--add) .build/emulator/iam-decisions.jsonl

statements: setup ## Deploy and destroy APPS with no policy, a statement more with each refusal: says which they need (hours; goes on where it was stopped)
	$(with_env) SLIPWAY_STATEMENTS_OF="$(APPS)" pytest -v --log-cli-level INFO tests/e2e/statements.py $(ARGS)

lint: setup ## Check the style of everything
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint-ansible lint-others lint-security lint-collection

lint-ansible:
	$(with_env) ansible-lint

lint-others:
	$(with_env) ruff check .
	$(with_env) ruff format --check .
	$(with_env) mypy
	$(with_env) cd app && mypy
	$(with_env) yamllint --strict .
	$(with_env) shellcheck scripts/* tests/e2e/github/bin/* emulator/src/slipway_emulator/images/*/customize emulator/src/slipway_emulator/images/*/*.sh
	$(with_env) hadolint {,.devcontainer/}Dockerfile {emulator/src/slipway_emulator/images,images}/*/Dockerfile emulator/tests/image/Dockerfile molecule/shared/app/Dockerfile tests/e2e/foreign_app/Dockerfile
	$(with_env) (cd app && python -m slipway_app.migrate --sql) >.build/migrations.sql
	$(with_env) squawk .build/migrations.sql
	$(with_env) actionlint
	$(with_env) check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(with_env) check-jsonschema --builtin-schema vendor.github-actions {.github/actions,tests/e2e/github}/*/action.yml
	$(with_env) zizmor --offline --quiet .github
	$(with_env) terraform fmt -check -recursive terraform

# What is deployed; .checkov.yaml says how. A file that checkov cannot read it leaves out, and succeeds. Then secrets in any
# file: known false positives, such as passwords of tests, are in .secrets.baseline, which make secrets-baseline writes.
lint-security: $(checkov)
	$(checkov) --config-file .checkov.yaml --directory terraform | tee .build/checkov.log
	! grep 'Parsing errors' .build/checkov.log
	$(checkov) --config-file .checkov.yaml --file Dockerfile images/*/Dockerfile
	$(with_env) git ls-files -z | xargs -0 detect-secrets-hook --no-verify --baseline .secrets.baseline

secrets-baseline: setup
	$(with_env) detect-secrets scan --slim --no-verify --exclude-files 'overrides\.py$$' >.secrets.baseline

$(checkov): requirements-checkov.txt
	$(with_env) python -m venv .build/checkov
	.build/checkov/bin/pip install --quiet --disable-pip-version-check --requirement requirements-checkov.txt
	touch $@

# What the collection's users meet: its documentation, its changelog, and what ansible-test asks of every collection.
lint-collection: $(antsibull) site-pages
	$(with_env) PATH="$$PATH:$$PWD/.build/antsibull/bin" scripts/lint-collection

site: setup site-pages ## Build the documentation site: .build/site/docs/index.html

# antsibull-docs writes into folders that are their owner's alone.
site-pages: $(antsibull)
	mkdir -p docs/reference && chmod 700 docs/reference
	$(with_env) ANSIBLE_COLLECTIONS_PATH=$$PWD/.build/collections PATH="$$PATH:$$PWD/.build/antsibull/bin" \
		antsibull-docs collection --use-current --cleanup everything --squash-hierarchy --fail-on-error --dest-dir docs/reference slipway.provision
	.build/antsibull/bin/sphinx-build --quiet --fail-on-warning --keep-going -c docs . .build/site

$(antsibull): requirements-antsibull.txt
	$(with_env) python -m venv .build/antsibull
	.build/antsibull/bin/pip install --quiet --disable-pip-version-check --requirement requirements-antsibull.txt
	touch $@

test: lint ## Run lint and all tests (ARGS="-k name" picks some of the project's)
	$(with_env) pytest -n 2 --config-file=app/pyproject.toml app/tests
	$(with_env) pytest -v -n 2 --no-loadscope-reorder $(ARGS)

test-quick: setup ## Run contract, unit and inventory tests: minutes, no cloud, no Docker
	$(with_env) pytest -n 2 -m "not engine" tests/contract tests/unit tests/inventory $(ARGS)

clean: stop ## Stop the emulator and remove .build and .venv
	rm -rf .build .venv docs/reference
