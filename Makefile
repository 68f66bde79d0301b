# Subrosa. `make help` lists the commands.
CARGO ?= cargo
L1 ?= embedded
SCENARIO ?= transfer
SUBROSA = target/release/subrosa

.PHONY: help build demo test test-rust test-contracts test-snarkjs check-cuda lint audit contracts bench clean

help:
	@echo "make demo [L1=anvil] [SCENARIO=swap|collateral]"
	@echo "                       build and run the demonstration"
	@echo "make test              everything: lints, Rust, contracts, snarkjs, end to end"
	@echo "make check-cuda        build and lint the GPU engine (no GPU needed; nvcc from pip if there is none)"
	@echo "make contracts         recompile the contracts and their committed artifacts"
	@echo "make bench             measure and write benches/results/"

build:
	@scripts/prepare
	$(CARGO) build --release --locked -p subrosa

demo: build
	@if [ "$(L1)" = anvil ]; then scripts/prepare --contracts; fi
	@$(SUBROSA) demo --scenario $(SCENARIO) --l1 $(L1)

test: lint audit test-contracts test-rust test-snarkjs

lint:
	@scripts/prepare
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps

audit:
	@scripts/prepare --contracts
	@scripts/audit

# The whole workspace is built at once: with fewer packages cargo would choose other features and build twice.
test-rust:
	@scripts/prepare --contracts
	$(CARGO) build --release --locked --workspace
	$(CARGO) test --release --locked --workspace

test-contracts:
	@scripts/prepare --contracts
	cd verifier-contract && npm run --silent check && npm run --silent test

test-snarkjs:
	@scripts/prepare --contracts
	prover/snarkjs/verify.sh

# Not part of `test`: it wants nvcc, which pip downloads, and builds the prover a second time.
check-cuda:
	@scripts/check-cuda

contracts:
	@scripts/prepare --contracts
	$(CARGO) run --release --locked -p subrosa-verifier-generator --example generate
	cd verifier-contract && npm run --silent build

bench: build
	scripts/bench

clean:
	$(CARGO) clean
	rm -rf .subrosa verifier-contract/out verifier-contract/cache
