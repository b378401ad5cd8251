# What people do with this project. `make` alone lists it. Everything is built with one profile, --release: RocksDB's
# C++ is compiled once and serves runs, tests, lints and measurements (docs/decisions/0003-one-profile.md).

CARGO ?= cargo
# Seconds that `make fuzz` takes.
FUZZ_S ?= 60
# More words for the server: make run ARGS="--set listen.plain.address=0.0.0.0:8000"
ARGS ?=
# The built program.
HONGYAN = $${CARGO_TARGET_DIR:-target}/release/hongyan

.DEFAULT_GOAL := help
.PHONY: help setup setup-python build run test check check-report bench bench-large bench-parts smoke fuzz

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

check-report: setup ## open the load tester's page in Chromium: all plots drawn, in light, dark and narrow
	@scripts/check-report

bench: build ## measure the server's figures beside bare relays, in ten minutes, and print them as a table with ratios
	@$(HONGYAN) loadtest --figures

bench-large: build ## measure starts, writing and reading on a store of a million accounts and ten million messages (10 min, 3 GB in /var/tmp)
	@$(HONGYAN) loadtest --large

bench-parts: setup ## measure parsing, encoding, storing and handing over, each by itself
	$(CARGO) bench --profile release --workspace

smoke: build ## a minute of load over every dialect and link, with kills: nothing may be lost, doubled or out of order
	$(HONGYAN) loadtest mixed --self --dialect plain,framed,binary --link tcp,ws --sessions 300 --rate 300 --duration 15s
	$(HONGYAN) loadtest private --self --dialect plain,framed,binary --link tcp,ws --tls --sessions 240 --duration 8s
	$(HONGYAN) loadtest group --self --dialect plain,framed,binary --groups 20 --sessions 500 --rate 200 --duration 8s
	$(HONGYAN) loadtest private --self --dialect plain,binary --sessions 200 --duration 13s --chaos restart=4s
	$(HONGYAN) loadtest private --in-process --sessions 5000 --duration 5s

fuzz: ## feed any bytes to every dialect for FUZZ_S seconds; needs a nightly compiler and cargo-fuzz
	@$(CARGO) +nightly fuzz --version >/dev/null 2>&1 || { \
		echo "first: rustup toolchain install nightly && cargo install --locked cargo-fuzz"; exit 1; }
	cd protocol && env -u CARGO_TARGET_DIR $(CARGO) +nightly fuzz run any_bytes -- -max_total_time=$(FUZZ_S) -dict=fuzz/any_bytes.dict
