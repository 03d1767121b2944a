#!/usr/bin/env bash
# Every fuzz target for SECONDS (or those named): fuzz/run.sh SECONDS [TARGET…]
#
# Needs `cargo install cargo-fuzz`. A stable compiler does: no sanitizer is asked for, since our crates forbid unsafe code
# and look for panics, overflows and false statements. The corpus begins with telegrams of our own encoder and grows in
# fuzz/corpus, which is not kept in the repository. What makes a target fail lies in fuzz/artifacts: mend it, and put it
# into fixtures/rejected where it is input that must be refused.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1

seconds=${1:?how many seconds for each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(frame bare records capture page registry dongle)

cargo run --quiet --release --example seeds
for target in "${targets[@]}"; do
    printf '\n== fuzz %s\n' "$target"
    log=$(mktemp)
    if cargo fuzz run -O -s none "$target" -- -max_total_time="$seconds" -print_final_stats=1 >"$log" 2>&1; then
        grep -E '^Done|DONE +cov:' "$log" | tail -n 2
        rm -f "$log"
    else
        tail -n 40 "$log" >&2
        echo "fuzz $target failed; all it said: $log" >&2
        exit 1
    fi
done
