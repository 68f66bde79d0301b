# Subrosa. `make help` lists the commands.
CARGO ?= cargo
L1 ?= embedded
SCENARIO ?= transfer
SUBROSA = target/release/subrosa

.PHONY: help build demo test test-rust test-contracts test-snarkjs lint audit contracts bench clean

help:
	@echo "make demo [L1=anvil]   build and run the demonstration"
	@echo "make test              everything: lints, Rust, contracts, snarkjs, end to end"
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

test-rust:
	@scripts/prepare --contracts
	$(CARGO) build --release --locked -p subrosa
	$(CARGO) test --release --locked --workspace

test-audit:
	@scripts/prepare --contracts
	@scripts/audit

contracts:
	@scripts/prepare --contracts
	$(CARGO) run --release --locked --quiet -p subrosa-verifier --example generate -- --check
	cd verifier-contract && npm run --silent check && npm run --silent test

test-snarkjs:
	@scripts/prepare --contracts
	prover/snarkjs/verify.sh

# Advisories of the npm packages that run in the build, and of the crates where cargo-deny is installed: it reads a
# database that not every machine can reach.
audit:
	@scripts/prepare --contracts
	@cd verifier-contract && npm audit --omit=dev --audit-level=high || echo "audit: npm's advisories could not be read" >&2
	@if command -v cargo-deny >/dev/null; then cargo deny check; else echo "audit: cargo-deny is not installed; crates unchecked" >&2; fi

contracts:
	@scripts/prepare --contracts
	$(CARGO) run --release --locked -p subrosa-verifier --example generate
	cd verifier-contract && npm run --silent build

bench: build
	scripts/bench

clean:
	$(CARGO) clean
	rm -rf .subrosa verifier-contract/out verifier-contract/cache
