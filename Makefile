# What people do with this project. `make` alone lists it. Everything is built with one profile, --release: RocksDB's
# C++ is compiled once and serves runs, tests, lints and measurements (docs/decisions/0003-one-profile.md).

CARGO ?= cargo
# Seconds that `make fuzz` takes.
FUZZ_S ?= 60
# More words for the server: make run ARGS="--set listen.plain.address=0.0.0.0:8000"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-python build run test check bench fuzz

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what building needs (does nothing where it is there)
	@scripts/setup

setup-python: ## install what the test of the Python client needs, beside the build (does nothing where it is there)
	@scripts/setup-python

build: setup ## build the server: target/release/hongyan
	$(CARGO) build --release

run: setup ## build and start the server on its embedded store; ARGS="..." is passed on
	$(CARGO) run --release -- serve $(ARGS)

test: setup setup-python ## run every test
	$(CARGO) test --release --workspace

check: setup ## formatting, lints as errors, licences and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --workspace check bans licenses sources; \
	else \
		echo "skipped: licences and sources of dependencies (cargo install --locked cargo-deny checks them)"; \
	fi

bench: setup ## measure parsing, encoding, storing and handing over
	$(CARGO) bench --profile release --workspace

fuzz: ## feed any bytes to every dialect for FUZZ_S seconds; needs a nightly compiler and cargo-fuzz
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { \
		echo "first: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	cd protocol && env -u CARGO_TARGET_DIR $(CARGO) +nightly fuzz run any_bytes -- -max_total_time=$(FUZZ_S) -dict=fuzz/any_bytes.dict
