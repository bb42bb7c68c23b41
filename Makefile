# A variable may follow a target: make run PORT=5001, make demo EXIT=1, make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run demo schema migrate key keys revoke verify backup restore sqlserver-check test lint check api-check chaos bench needs clean

help:
	@echo "make run     start Redis (if none is running), the API and a worker; Ctrl-C stops them"
	@echo "make demo    show the service at work on sample products; EXIT=1 stops when they are done; PORT=5001"
	@echo "make migrate bring the database to the newest schema version, after an update of the service"
	@echo "make key     make an API key: NAME=shop; ADMIN=1; RENEW=1; OPTIONS=\"--max-open-images 5000\" (OPTIONS=--help lists them)"
	@echo "make keys    list the API keys; make revoke NAME=shop ends one at once"
	@echo "make verify  say whether rows, counters and files agree; FIX=1 removes files that no request or image has"
	@echo "make backup  copy the embedded database and all files to a new folder, also while the service runs; TO=folder"
	@echo "make restore bring them back, while it is stopped: FROM=folder; FORCE=1 replaces what is there"
	@echo "make test    run all tests"
	@echo "make check   run the lint, the type checks, and the tests with their coverage"
	@echo "make api-check  hold the API to its description with thousands of made-up requests; some minutes"
	@echo "make chaos   random faults and user actions on a service of its own, and what came of them; SEED=7 EVENTS=100 IMAGES=5000"
	@echo "make bench   measure the service, about 40 minutes; QUICK=1 is a smoke test; ONLY=throughput,growth PHOTOS=folder"
	@echo "make schema and make sqlserver-check, with DATABASE_URL=mssql+pyodbc://...: see docs/sqlserver.md"
	@echo "make clean   remove .venv and caches, never data"

run: $(VENV)/installed
	@exec $(BIN)/python -u -m commands run

demo: $(VENV)/installed
	@exec $(BIN)/python -u -m commands demo $(if $(PORT),--port $(PORT)) $(if $(EXIT),--exit)

schema: $(VENV)/installed
	@$(BIN)/python -m commands schema

migrate: $(VENV)/installed
	@$(BIN)/python -m commands migrate

key: $(VENV)/installed
	@$(BIN)/python -m commands key $(if $(ADMIN),--scope admin) $(if $(RENEW),--renew) $(OPTIONS) -- "$(NAME)"

keys: $(VENV)/installed
	@$(BIN)/python -m commands keys

revoke: $(VENV)/installed
	@$(BIN)/python -m commands revoke -- "$(NAME)"

verify: $(VENV)/installed
	@$(BIN)/python -m commands verify $(if $(FIX),--fix)

backup: $(VENV)/installed
	@$(BIN)/python -m commands backup $(if $(TO),-- "$(TO)")

restore: $(VENV)/installed
	@[ -n "$(FROM)" ] || { echo "Name the backup: make restore FROM=folder" >&2; exit 2; }
	@$(BIN)/python -m commands restore $(if $(FORCE),--force) -- "$(FROM)"

sqlserver-check: $(VENV)/installed
	@$(BIN)/python -m commands sqlserver-check

# With coverage always, so that check adds its report and no second run of the tests. Three at a time
# on the two cores of CI, as many of them wait. Python may keep its bytecode, whatever the
# environment says: the tests start a thousand processes.
test: $(VENV)/installed-dev needs
	$(BIN)/coverage erase
	PYTHONDONTWRITEBYTECODE= $(BIN)/coverage run -m pytest -n 3 --dist worksteal
	$(BIN)/coverage combine --quiet

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff parse --dialect tsql --format none schema.sql

check: lint test
	$(BIN)/coverage report

# The sequences of requests of a run end where work that goes on has changed an answer, so more are made.
api-check: $(VENV)/installed-dev
	@$(BIN)/python -m tests.api_check --max-examples 400
	@$(BIN)/python -m tests.api_check --phases stateful --max-time 120
	@$(BIN)/python -m tests.api_check --with-key --max-examples 100

chaos: $(VENV)/installed-dev
	@$(BIN)/python -u -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(EVENTS),--events $(EVENTS)) $(if $(IMAGES),--images $(IMAGES))

bench: $(VENV)/installed-dev
	@$(BIN)/python -u -m benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(PHOTOS),--photos $(PHOTOS))

# A stamp is newer than its list of packages, so only a list that changed is installed again.
$(VENV)/installed: requirements.lock
	@sh commands/support/check_python.sh $(PYTHON)
	@echo "Installing requirements.lock into $(VENV) (once, and when it changes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	@echo "Installing requirements-dev.lock into $(VENV) (once, and when it changes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

needs: $(VENV)/installed
	@sh commands/support/install_for_tests.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov tests/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
