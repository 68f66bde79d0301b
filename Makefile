# Subrosa. `make help` lists the commands.
CARGO ?= cargo
L1 ?= embedded
SCENARIO ?= transfer
FUZZ_SECONDS ?= 20
SCHEDULES ?= 3000
FIRST_SEED ?= 1000
KILLS ?= 200
SUBROSA = target/release/subrosa

.PHONY: help build demo test test-rust test-crates test-e2e test-long test-contracts test-snarkjs fuzz \
	check-cuda lint book test-book audit contracts bench clean

help:
	@echo "make demo [L1=anvil] [SCENARIO=swap|collateral]"
	@echo "                       build and run the demonstration"
	@echo "make test              lints, book, audit, contracts, Rust, end to end, snarkjs, fuzz targets"
	@echo "make test-long [SCHEDULES=3000] [KILLS=200]"
	@echo "                       slow suites: random faults of L1, kill -9, long schedules"
	@echo "make lint              formatting, clippy, rustdoc, wording"
	@echo "make book              the specification as a book in target/book, with a check of all links"
	@echo "make test-book         an implementation from the book alone, against the test vectors"
	@echo "make fuzz [FUZZ_SECONDS=20] fuzz the decoders of untrusted bytes (needs nightly Rust, cargo-fuzz)"
	@echo "make check-cuda        build and lint the GPU engine (no GPU needed; nvcc from pip if there is none)"
	@echo "make contracts         recompile the contracts and their committed artifacts"
	@echo "make bench             measure and write benches/results/"

build:
	@scripts/prepare
	$(CARGO) build --release --locked -p subrosa

demo: build
	@if [ "$(L1)" = anvil ]; then scripts/prepare --contracts; fi
	@$(SUBROSA) demo --scenario $(SCENARIO) --l1 $(L1)

test: lint book test-book audit test-contracts test-rust test-snarkjs fuzz

lint:
	@scripts/prepare --documents
	scripts/check-words
	scripts/check-units
	@scripts/prepare
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps

book:
	scripts/book

# The implementation that was written from the book alone, against the book's values and the vectors.
test-book:
	@scripts/prepare --documents
	scripts/check-vectors

audit:
	@scripts/prepare --contracts
	@scripts/audit

# The whole workspace is built at once: with fewer packages cargo would choose other features and
# build twice.
test-rust:
	@scripts/prepare --contracts
	$(CARGO) build --release --locked --workspace
	$(CARGO) test --release --locked --workspace

# The two halves of test-rust, for jobs on separate machines.
test-crates:
	@scripts/prepare --contracts
	$(CARGO) test --release --locked --workspace --exclude subrosa-tests

test-e2e:
	@scripts/prepare --contracts
	$(CARGO) build --release --locked -p subrosa
	$(CARGO) test --release --locked -p subrosa-tests

# Suites that take too long for `make test`: far more faults of L1 and of the machine, ignored tests
# whose names end in `_long`, and the comparison of batch proofs with halo2's own. An hour and more.
test-long:
	@scripts/prepare --contracts
	$(CARGO) build --release --locked --workspace
	SUBROSA_SCHEDULES=$(SCHEDULES) SUBROSA_FIRST_SEED=$(FIRST_SEED) $(CARGO) test --release --locked \
		--workspace --test schedules -- --nocapture
	SUBROSA_KILLS=$(KILLS) $(CARGO) test --release --locked \
		--workspace --test machine -- --nocapture killed
	$(CARGO) test --release --locked --workspace -- --ignored --nocapture _long same_bytes

test-contracts:
	@scripts/prepare --contracts
	cd verifier-contract && npm run --silent check && npm run --silent test

test-snarkjs:
	@scripts/prepare --contracts
	prover/snarkjs/verify.sh

# Runs each fuzz target for a while; says so and does nothing without nightly Rust and cargo-fuzz.
# `cargo test` runs the same targets on recorded and random bytes, on stable Rust.
fuzz:
	@scripts/fuzz $(FUZZ_SECONDS)

# Not part of `test`: it wants nvcc, which pip downloads, and builds the prover a second time.
check-cuda:
	@scripts/check-cuda

contracts:
	@scripts/prepare --contracts
	$(CARGO) run --release --locked -p subrosa-protocol --example layouts
	$(CARGO) run --release --locked -p subrosa-verifier-generator --example generate
	cd verifier-contract && npm run --silent build

bench: build
	scripts/bench

clean:
	$(CARGO) clean
	rm -rf .subrosa verifier-contract/out verifier-contract/cache
