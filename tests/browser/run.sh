#!/usr/bin/env bash
# The pages in headless Chromium: tests/browser/run.sh [FILE …]
#
# Needs Node 20, npm's registry and Debian's chromium, which is installed when this is root and it is absent. Pictures of every
# page are kept in BROWSER_PICTURES (the folder `browser` of the target folder by default). CHROMIUM names another binary.
# RELEVE_BINARIES names a folder with releve and releve-portal, as `cargo test --workspace` leaves them; nothing is built then.
# Exit status 3: it could not be run here, and nothing was tested; a sentence says why.
set -euo pipefail
cd "$(dirname "$0")"

cannot() {
    echo "browser tests: not run: $1" >&2
    exit 3
}

command -v node >/dev/null && command -v npm >/dev/null || cannot "node and npm are missing"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || cannot "node $(node --version) is older than 20"
if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
    [ -z "${CHROMIUM:-}" ] || cannot "there is no $CHROMIUM"
    [ "$(id -u)" = 0 ] || cannot "chromium is missing: apt-get install chromium"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; } \
        >/dev/null 2>&1 || cannot "chromium could not be installed"
fi
if ! cmp -s package-lock.json node_modules/.taken 2>/dev/null; then
    npm ci --ignore-scripts --no-audit --no-fund --silent || cannot "npm ci failed: is there a network?"
    cp package-lock.json node_modules/.taken
fi

if [ -z "${RELEVE_BINARIES:-}" ]; then
    (cd ../.. && cargo build --quiet --locked -p releve -p releve-portal) || exit 1
fi
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-../../target}")
export CARGO_TARGET_DIR
if [ $# -eq 0 ]; then set -- *.test.mjs; fi
exec node --test --test-concurrency=1 --test-reporter=spec "$@"
