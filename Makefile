# Two commands do all set-up on a fresh machine: `make run` and `make test`.
# Needed beforehand: Rust (cargo, with rustfmt and clippy), Node.js with npm, a C compiler.

SHELL := /bin/bash
OS := $(shell uname -s | tr '[:upper:]' '[:lower:]')
ARCH := $(shell uname -m | sed -e 's/x86_64/amd64/' -e 's/aarch64/arm64/')
FORGE := node_modules/@foundry-rs/forge-$(OS)-$(ARCH)/bin/forge

.PHONY: help setup build run test lint fmt abi abi-check snapshots bench conformance clean

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

test: setup ## Run every test
	cargo xtask test

lint: setup abi-check ## rustfmt, clippy, forge fmt, forge lint, solhint
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(FORGE) fmt --check
	# A build folder of its own: lint leaves artifacts without bytecode.
	FOUNDRY_OUT=target/lint/out FOUNDRY_CACHE_PATH=target/lint/cache $(FORGE) lint --deny notes contracts
	node_modules/.bin/solhint --max-warnings 0 'contracts/**/*.sol'

fmt: setup ## Format everything
	cargo fmt --all
	$(FORGE) fmt

abi: setup ## Write abi/ from the contracts
	cargo xtask abi

abi-check: setup
	cargo xtask abi --check

snapshots: setup ## Take the gas snapshots anew
	$(FORGE) test --match-path 'test/gas/*'

bench: setup ## Measure, and write docs/BENCHMARKS.md
	cargo bench --locked -p ballast --bench report -- --out docs/BENCHMARKS.md

conformance: setup ## Hold docs/CONFORMANCE.md against the last test run
	cargo xtask conformance

clean: ## Remove everything that was built
	cargo clean
	rm -rf out node_modules
