# Two commands do all set-up on a fresh machine: `make run` and `make test`.
# Needed beforehand: Rust (cargo, with rustfmt and clippy), Node.js with npm, a C compiler.

SHELL := /bin/bash
OS := $(shell uname -s | tr '[:upper:]' '[:lower:]')
ARCH := $(shell uname -m | sed -e 's/x86_64/amd64/' -e 's/aarch64/arm64/')
FORGE := node_modules/@foundry-rs/forge-$(OS)-$(ARCH)/bin/forge

.PHONY: help setup build run drill test lint fmt abi abi-check snapshots roles bench conformance test-deep sim soak deb lint-deb debian-tools prove prove-teeth slither coverage mutants limit-prices clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

setup: node_modules/.installed ## Install the pinned tools and protocol packages

node_modules/.installed: package.json package-lock.json .npmrc
	# Not `npm ci`: the lock names Foundry's binaries for platforms that the registry does not carry, which `npm ci` refuses.
	# This installs what the lock says and leaves the lock as it is.
	npm install --no-save --no-progress
	@touch $@

build: setup ## Build the ballast binary
	cargo build --locked -p ballast

run: build ## Tell the whole story on a local chain with the real protocols
	cargo run --locked --quiet -p ballast -- story --out target/run

drill: build ## Drill incidents P0 to P3 on a local chain, each timed
	cargo run --locked --quiet -p ballast -- drill --out target/drill

test: setup debian-tools ## Run every test
	cargo xtask test

# What the tests of unit, package and cache need, where there is apt. On other systems those tests are not compiled.
DEBIAN_TOOLS := systemd-analyze:systemd mmdebstrap:mmdebstrap strip:binutils dpkg-shlibdeps:dpkg-dev redis-check-rdb:redis-tools
debian-tools:
	@command -v apt-get > /dev/null || exit 0; \
	for tool in $(DEBIAN_TOOLS); do command -v $${tool%%:*} > /dev/null || missing="$$missing $${tool##*:}"; done; \
	python3 -c 'import ensurepip' 2> /dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; }

deb: debian-tools ## Build the Debian package into target/deb, optimised
	cargo build --locked --release -p ballast
	deploy/debian/build target/release/ballast target/deb

# Of the development build: the same package but for the binary, in a fraction of the time. lintian itself is half a minute to install.
lint-deb: debian-tools build ## Hold the package against Debian's policy
	command -v lintian > /dev/null || apt-get install -y -qq --no-install-recommends lintian
	rm -rf target/deb-lint
	DEB_COMPRESSION='-Zgzip -z1' deploy/debian/build target/debug/ballast target/deb-lint
	lintian --allow-root --fail-on error target/deb-lint/*.deb

lint: setup abi-check ## rustfmt, clippy, forge fmt, forge lint, solhint
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(FORGE) fmt --check
	# A build folder of its own: lint leaves artifacts without bytecode.
	FOUNDRY_OUT=target/lint/out FOUNDRY_CACHE_PATH=target/lint/cache $(FORGE) lint --deny notes contracts
	node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'

test-deep: setup ## A million calls over the invariants, and ten thousand runs of the executor's simulation
	FOUNDRY_PROFILE=deep $(FORGE) test --match-path 'test/invariant/system/*'
	$(MAKE) sim SEEDS=10000

SEEDS ?= 500
FROM ?= 0

sim: ## Run the executor's simulation: SEEDS seeds from FROM on
	@rm -f target/sim-summary.txt
	@SIM_SEEDS=$(SEEDS) SIM_FROM=$(FROM) cargo test --locked --quiet -p ballast-executor --test simulation -- --nocapture; \
		status=$$?; cat target/sim-summary.txt; exit $$status

HOURS ?= 48
SEED ?= 0

soak: setup ## Run the service on the real parts for HOURS simulated hours with the faults of SEED
	@rm -f target/soak/summary.txt
	@SOAK_HOURS=$(HOURS) SOAK_SEED=$(SEED) cargo test --locked --quiet -p ballast --test soak -- --nocapture; \
		status=$$?; cat target/soak/summary.txt; exit $$status

fmt: setup ## Format everything
	cargo fmt --all
	$(FORGE) fmt

abi: setup ## Write abi/ from the contracts
	cargo xtask abi

abi-check: setup
	cargo xtask abi --check

snapshots: setup ## Take the gas snapshots anew
	$(FORGE) test --match-path 'test/gas/*'

roles: setup ## Write docs/ROLES.md from the roles matrix
	UPDATE_ROLES=true $(FORGE) test --match-contract RolesTest

bench: setup ## Measure, and write docs/BENCHMARKS.md
	cargo bench --locked -p ballast --bench report -- --out docs/BENCHMARKS.md

conformance: setup ## Hold docs/CONFORMANCE.md against the last test run
	cargo xtask conformance

# What takes long and is not part of `make test`.

VENV := target/venv
ON_PATH := PATH="$(CURDIR)/$(dir $(FORGE)):$(CURDIR)/$(VENV)/bin:$$PATH"
# Only contracts/: tests and scripts are not deployed.
CONTRACTS_ONLY := FOUNDRY_TEST=target/none FOUNDRY_SCRIPT=target/none

$(VENV)/.installed: tools/python/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

prove: setup $(VENV)/.installed ## Prove what docs/PROOFS.md states
	$(ON_PATH) python tools/prove/prove.py

prove-teeth: setup $(VENV)/.installed ## Damage the contracts and see the proofs fail
	$(ON_PATH) python tools/prove/prove.py --teeth

slither: setup $(VENV)/.installed ## Static analysis; docs/STATIC_ANALYSIS.md explains each finding
	$(CONTRACTS_ONLY) FOUNDRY_OUT=target/slither/out FOUNDRY_CACHE_PATH=target/slither/cache $(FORGE) build --build-info --force
	rm -f target/slither/result.json
	-$(CONTRACTS_ONLY) $(ON_PATH) slither . --ignore-compile --foundry-out-directory target/slither/out \
		--filter-paths node_modules --json target/slither/result.json > target/slither/log 2>&1
	python3 tools/slither_gate.py target/slither/result.json docs/STATIC_ANALYSIS.md

# Without the two that need optimized artifacts.
coverage: setup ## Coverage of contracts/, with its gate
	mkdir -p target/coverage
	FOUNDRY_OUT=target/coverage/out FOUNDRY_CACHE_PATH=target/coverage/cache FOUNDRY_FUZZ_RUNS=64 \
		$(FORGE) coverage --report lcov --report-file target/coverage/lcov.info \
		--no-match-coverage '(node_modules|test/|script/)' --no-match-path 'test/gas/**' \
		--no-match-contract 'RolesTest|StorageReadsTest'
	python3 tools/coverage_gate.py target/coverage/lcov.info --lines 95 --branches 90 --uncovered

mutants: setup ## Mutate the core contracts, at length; resumable
	$(ON_PATH) python3 tools/mutants.py run --count 200
	python3 tools/mutants.py report

limit-prices: setup ## What each limit costs in gas
	$(ON_PATH) python3 tools/limit_prices.py

clean: ## Remove everything that was built
	cargo clean
	rm -rf out node_modules
