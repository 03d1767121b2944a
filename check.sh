#!/usr/bin/env bash
# Everything CI holds a change against, by hand: formatting, lints, docs and all tests.
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$1"; }

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

step "tests"
cargo test --workspace --locked

step "the pages in a browser"
# Status 3: there is no browser here and none can be had; the script has said why.
RELEVE_BINARIES="$(realpath "${CARGO_TARGET_DIR:-target}")/debug" tests/browser/run.sh || [ $? -eq 3 ]

if command -v cargo-deny >/dev/null; then
    step "licences, crates and sources; advisories: cargo deny check advisories"
    cargo deny check licenses bans sources
else
    step "licences left out: cargo install cargo-deny"
fi

if command -v cargo-fuzz >/dev/null; then
    step "fuzzing, ten seconds of each target"
    fuzz/run.sh 10
else
    step "fuzzing left out: cargo install cargo-fuzz"
fi
