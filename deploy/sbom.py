#!/usr/bin/env python3
"""Writes what releve is made of, as a CycloneDX 1.5 document in JSON, from Cargo.lock's resolution.

Example: deploy/sbom.py > releve.cdx.json

Needs Python's standard library and cargo. Crates used only in tests or while building are left out, unless --all is given.
The same sources give the same document: no time, no random number.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    command += ["--filter-platform", "x86_64-unknown-linux-gnu"]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def shipped(nodes, root, everything):
    """Identifiers of all packages that end up in the binary, and who needs whom."""
    needs, waiting = {}, [root]
    while waiting:
        name = waiting.pop()
        if name in needs:
            continue
        needs[name] = sorted(
            dependency["pkg"]
            for dependency in nodes[name]["deps"]
            if everything or any(kind["kind"] is None for kind in dependency["dep_kinds"])
        )
        waiting += needs[name]
    return needs


def component(package, kind):
    url = f"pkg:cargo/{package['name']}@{package['version']}"
    found = {"type": kind, "bom-ref": url, "name": package["name"], "version": package["version"], "purl": url}
    if package.get("license"):
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package.get("description"):
        found["description"] = " ".join(package["description"].split())
    return found


def main():
    if set(sys.argv[1:]) - {"--all"}:
        print(__doc__, file=sys.stderr)
        return 0 if sys.argv[1:] in (["--help"], ["-h"]) else 2
    data = metadata()
    packages = {package["id"]: package for package in data["packages"]}
    root = next(package["id"] for package in packages.values() if package["name"] == "releve")
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    needs = shipped(nodes, root, "--all" in sys.argv)
    reference = {name: component(packages[name], "library")["bom-ref"] for name in needs}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(packages[root], "application")},
        "components": sorted(
            (component(packages[name], "library") for name in needs if name != root),
            key=lambda found: found["bom-ref"],
        ),
        "dependencies": sorted(
            ({"ref": reference[name], "dependsOn": sorted({reference[n] for n in needs[name]})} for name in needs),
            key=lambda found: found["ref"],
        ),
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
