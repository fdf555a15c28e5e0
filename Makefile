# The two commands of a newcomer are `make run` and `make test`; both do their own set-up on a Debian machine with a
# Rust toolchain. Everything below works from a fresh clone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := target/venv
SEED ?=

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | expand -t 18

.PHONY: run
run: ## Run the smoke campaign: 100 subscribers register with the embedded core
	cargo run --release -- run smoke

.PHONY: build
build: ## Build the release program at target/release/roamstorm
	cargo build --release

.PHONY: dist
dist: ## Make the release artifacts in target/artifacts: program, archive, Debian package, image, bills of materials, checksums
	scripts/dist

.PHONY: test-packages
test-packages: ## As root: install, run, upgrade and purge the package in a fresh Debian root, start the image; builds what it tests
	scripts/test-packages

.PHONY: setup
setup: ## Install what the tests need: tshark, a User Mode Linux kernel, pycrate
	@scripts/setup

.PHONY: test
test: setup ## Run every test
	scripts/test

.PHONY: lint
lint: ## Format, clippy, rustdoc, the rules of tidy/; licences, bans and sources of what is in the tree (installs cargo-deny)
	cargo fmt --all --check
	cargo clippy --workspace --bins -- -D warnings
	cargo clippy --workspace --all-targets --features full -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	cargo test --quiet -p tidy
	scripts/deny

.PHONY: kernel-sctp
kernel-sctp: setup ## The smoke campaign and the transport's tests on a kernel with SCTP, in a User Mode Linux guest
	scripts/test-kernel-sctp.sh

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZ_SECONDS (60) each
	scripts/fuzz

.PHONY: simulate
simulate: ## Rehearse the whole fleet under SEEDS (10000) seeds of faults in virtual time, and check every account
	cargo run --release --quiet -p rehearsal -- --seeds $(or $(SEEDS),10000)

.PHONY: kill-test
kill-test: ## Kill, freeze, cut off and restart a real fleet under load, ROUNDS (10) times: its account stays exact
	ROUNDS=$(or $(ROUNDS),10) cargo test --release --quiet -p roamstorm --test kill -- --nocapture --ignored

.PHONY: bench
bench: ## Criterion benches, then the macro and fleet benchmarks of docs/performance.md
	cargo bench -p benches
	cargo run --release --quiet -p benches --bin macro
	cargo run --release --quiet -p benches --bin fleet

.PHONY: clean
clean: ## Remove build output and run folders
	rm -rf target runs
