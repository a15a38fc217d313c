# make demo and make test do everything by themselves; the other targets are parts of them.

.PHONY: setup demo test lint bench fuzz recovery docs tables assets lock clean

setup:
	@tools/system
	@tools/setup dev

demo:
	@tools/setup runtime
	@.venv/bin/bakegate demo $(if $(KEEP),--keep)

test: setup
	@tools/opa build
	@tools/check

lint: setup
	@tools/check lint

# Benchmarks measure and report; they are files bench_*.py, so that make test leaves them alone.
bench: setup
	@tools/opa build
	@for file in tests/bench/bench_*.py; do \
	    echo "==> $$file"; PYTHONPATH=. .venv/bin/python $$file || exit 1; \
	done

# Every property test again, with many more examples each. BAKEGATE_CORPUS=FOLDER mutates the
# pipeline files of that folder as well.
fuzz: setup
	@.venv/bin/python -m pytest -q -m hypothesis --hypothesis-profile=long

# The crash tests in their long form, and every test of the executor on both databases.
recovery: setup
	@BAKEGATE_RECOVERY=long .venv/bin/python -m pytest -q tests/recovery tests/service/executor

# The pages of the rules, from the rules; make test fails where they differ.
docs: setup
	@PYTHONPATH=. .venv/bin/python tools/docs.py

# The tables of the classifier as JSON, from the YAML beside it; make test fails where they differ.
tables: setup
	@PYTHONPATH=. .venv/bin/python tools/tables.py

# Fetches and bundles the scripts of the pages again; the only target that needs Node.
assets:
	@cd service/web/assets && npm ci --ignore-scripts && npm run build

lock:
	@tools/lock

clean:
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find policies service cli rulesets tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
