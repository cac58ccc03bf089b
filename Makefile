# One word for each thing that one does with Floe. `make` alone lists them; the work is done by cargo and scripts/.

.DEFAULT_GOAL := help
.PHONY: help run test torture bench bench-large lint fmt build dist

# CI starts from a fresh clone every time: outside of it, what was compiled lives on to the next run.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(HOME)/.cache/floe-target
endif

help: ## what there is
	@sed -n 's/^\([a-z-]*\):[a-z ]*## \(.*\)/\1\t\2/p' Makefile | expand -t 16

run: build ## starts Floe on port 8080, its data in ./data
	exec "$${CARGO_TARGET_DIR:-target}/release/floe" serve

test: ## runs every test, on SQLite and on PostgreSQL
	scripts/test

torture: ## the long tests: power loss; SECONDS_EACH=300 for how long each takes
	scripts/torture

bench: ## measures Floe against PocketBase, side by side
	scripts/bench

bench-large: ## measures Floe with much data; ONLY=scan,bulk for some of it
	scripts/bench --only $(or $(ONLY),large)

lint: ## formatting and clippy, as CI wants them
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt: ## formats all Rust code
	cargo fmt --all

build: ## the release binary
	cargo build --release --locked -p floe

dist: ## the binary to give to people: optimised as a whole, which takes longer
	cargo build --profile dist --locked -p floe
