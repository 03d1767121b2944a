#!/usr/bin/env bash
# The Debian packages, for this machine or, with TARGET given, for another: deploy/package.sh [aarch64-unknown-linux-gnu]
#
# Needs `cargo install cargo-deb`; for another machine also its compiler and Rust target, see docs/packaging.md.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1:-}
folder=${CARGO_TARGET_DIR:-target}
# The manual pages are the same everywhere, and made by a binary that runs here.
cargo build --release --locked
rm -rf target/man target/completions
mkdir -p target/man target/completions
"$folder/release/releve" generate man target/man
"$folder/release/releve" generate completions bash >target/completions/releve
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_ARMV7_UNKNOWN_LINUX_GNUEABIHF_LINKER=arm-linux-gnueabihf-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
export CC_armv7_unknown_linux_gnueabihf=arm-linux-gnueabihf-gcc
# The service, and the resident's pages, which may be installed on another machine.
for package in releve releve-portal; do
    if [ -n "$target" ]; then
        cargo build --release --locked --target "$target" -p "$package"
        cargo deb --no-build -p "$package" --target "$target"
    else
        cargo build --release --locked -p "$package"
        cargo deb --no-build -p "$package"
    fi
done
