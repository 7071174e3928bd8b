# Two commands do all the set-up: `make run` and `make test`.
# make run            the whole main job on embedded defaults, on this computer only
# make run LAN=1      the same, with the shopper's pages on the local network
# make run PORT=8421 DATA=folder
# make test           every test; SYSTEM=1 (or CI=true) installs system packages when run as root
# make check          format, lint, types and import rules
# make bench          benchmarks, with figures printed

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DATA ?= cropmark-data
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test check fix bench lock web contract clean

run: $(VENV)/.installed-run
	@exec $(BIN)/cropmark up --demo --data "$(DATA)" $(if $(LAN),--lan) $(if $(PORT),--port $(PORT))

$(VENV)/.installed-%: pyproject.toml requirements.lock scripts/install.sh
	@sh scripts/install.sh $(VENV) $*

test: $(VENV)/.installed-all
	@sh scripts/system-packages.sh
	@sh scripts/web-packages.sh
	@$(MAKE) --no-print-directory check
	$(BIN)/pytest

check: $(VENV)/.installed-all
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(VENV)/.installed-all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-all
	$(BIN)/python -m benchmarks

lock: $(VENV)/.installed-all
	$(BIN)/python scripts/lock.py

web:
	cd trace/web && npm ci && npm run build

contract: $(VENV)/.installed-all
	$(BIN)/python contracts/build.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
