#!/usr/bin/env python3
"""Writes deploy/daemon.ld: what the daemon runs, so that it is linked together.

    cargo build --release && deploy/order.py target/release/releve      (needs valgrind and nm)

A gateway keeps the pages of a program that it has touched, and the system reads sixteen at a time. The daemon runs a
fifth of the functions there are; spread among the others they keep nearly all of the program in memory. A release
is linked with this list in front (build.rs). A function that is not named, or is called otherwise by now, stands where
it stood: an old list costs memory, nothing else. Write it anew for a new compiler, or when the daemon has grown. Names
that stood there are kept: what one build puts into its callers stands by itself in the next.
"""
import bisect
import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

# A name may stand for many functions (one of each type it is used with). It is listed when those that are not run have
# at most so many octets for each one that is: what is not listed touches pages among the others, sixteen at a time.
COLD = 20_000

HEAD = """\
/* Functions that the daemon runs, linked together in front of the others. Written by deploy/order.py, which says why. */
SECTIONS
{
  .text :
  {
    *(
"""
TAIL = """\
    )
  }
}
INSERT AFTER .init;
"""


def observe(binary, folder):
    """Lets the daemon hear two thousand meters under valgrind; the file of what it ran."""
    building, store, said = (os.path.join(folder, name) for name in ("building", "releve.db", "said"))
    profile, config = os.path.join(folder, "profile"), os.path.join(folder, "releve.toml")
    simulate = ["simulate", "--dwellings", "410", "--every-minutes", "360", "--days", "1", building]
    subprocess.run([binary, *simulate], check=True, stdout=subprocess.DEVNULL)
    registry = os.path.join(building, "registry.csv")
    subprocess.run([binary, "registry", "import", registry, "--db", store], check=True, stdout=subprocess.DEVNULL)
    token = ["token", "add", "order", "--scope", "operator", "--db", store, "--json"]
    token = json.loads(subprocess.run([binary, *token], check=True, capture_output=True).stdout)["token"]
    with open(config, "w") as file:
        file.write(f'[store]\npath = "{store}"\n[api]\nlisten = "127.0.0.1:0"\n')
        file.write('[[receiver]]\nname = "air"\nstdin = true\n')
    valgrind = ["valgrind", "--tool=callgrind", "--dump-instr=yes", f"--callgrind-out-file={profile}"]
    with open(said, "w") as log:
        daemon = subprocess.Popen(
            [*valgrind, binary, "run", "--config", config], stdin=subprocess.PIPE, stderr=log
        )

    def read():
        with open(said) as file:
            return file.read()

    def wait_for(event):
        for _ in range(3000):
            if f"event={event}" in read():
                return
            if daemon.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"the daemon never came to {event}:\n{read()}")

    wait_for("ready")
    address = re.search(r"api=(\S+)", read())[1]
    with open(os.path.join(building, "capture.txt")) as capture:
        telegrams = [line.split(" ")[4].strip() for line in capture if not line.startswith("#")]
    daemon.stdin.write("".join(f"{telegram}\n" for telegram in telegrams[:4000]).encode())
    daemon.stdin.flush()
    wait_for("backup.made")
    wait_for("watch.done")
    for path in ("/healthz", "/readyz", "/metrics"):
        request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"})
        try:
            urllib.request.urlopen(request, timeout=60).read()
        except urllib.error.HTTPError as error:
            sys.exit(f"{path}: {error}")
    # A second round of everything that happens again and again.
    daemon.stdin.write("".join(f"{telegram}\n" for telegram in telegrams[4000:5000]).encode())
    daemon.stdin.flush()
    time.sleep(20)
    daemon.send_signal(signal.SIGTERM)
    if daemon.wait(120) != 0:
        sys.exit(f"the daemon did not end well:\n{read()}")
    return profile


def executed(profile, binary):
    """Addresses of the binary's instructions that were run."""
    addresses, address, here, names = set(), 0, False, {}
    with open(profile, errors="replace") as lines:
        for line in lines:
            if named := re.match(r"(c?)ob=\((\d+)\)(?: (.*))?", line):
                if named[3]:
                    names[named[2]] = named[3]
                if not named[1]:
                    here = os.path.realpath(names.get(named[2], "")) == binary
            elif cost := re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) ", line):
                if cost[1].startswith("0x"):
                    address = int(cost[1], 16)
                elif cost[1] != "*":
                    address += int(cost[1])
                if here:
                    addresses.add(address)
    return addresses


def pattern(name):
    """A name as any build has it: what tells types and compilers apart is left open."""
    name = re.sub(r"17h[0-9a-f]{16}E", "17h*", name)
    name = re.sub(r"Cs[0-9A-Za-z]{8,13}_", "Cs*_", name)
    name = re.sub(r"\.llvm\.\d+$", "*", name)
    return re.sub(r"\*[.E*]*\*", "*", name)


def listed(binary, addresses, before):
    functions = []
    table = subprocess.run(["nm", "-S", "-n", binary], check=True, capture_output=True, text=True).stdout
    for line in table.splitlines():
        parts = line.split(None, 3)
        if len(parts) == 4 and parts[2] in "tTwW":
            functions.append((int(parts[0], 16), int(parts[1], 16), pattern(parts[3])))
    starts = [start for start, _, _ in functions]
    run = {bisect.bisect(starts, address) - 1 for address in addresses}
    count, cold = collections.Counter(), collections.Counter()
    for index, (_, octets, name) in enumerate(functions):
        if index in run:
            count[name] += 1
        else:
            cold[name] += octets
    return sorted(name for name in before | set(count) if cold[name] <= COLD * max(count[name], 1))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    binary = os.path.realpath(sys.argv[1])
    path = os.path.join(os.path.dirname(os.path.realpath(__file__)), "daemon.ld")
    with open(path) as file:
        before = set(re.findall(r" \.text\.(?!unlikely\.)(\S+)", file.read()))
    with tempfile.TemporaryDirectory() as folder:
        names = listed(binary, executed(observe(binary, folder), binary), before)
    with open(path, "w") as file:
        file.write(HEAD)
        # The compiler puts what it thinks is seldom run apart; one pattern for both would take GNU ld minutes.
        file.writelines(f"      .text.{name} .text.unlikely.{name}\n" for name in names)
        file.write(TAIL)
    print(f"{len(names)} names")


if __name__ == "__main__":
    main()
