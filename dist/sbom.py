"""The parts of the program as CycloneDX JSON, from `cargo metadata` on stdin and the Cargo.lock named as argument."""

import json
import sys
import uuid

TARGETS = ("x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl")


def checksums(lock_file):
    """(name, version) -> sha256 of the crate as the registry has it."""
    found, package = {}, {}
    with open(lock_file, encoding="utf-8") as lines:
        for line in lines:
            key, separator, value = line.strip().partition(" = ")
            if line.startswith("[["):
                package = {}
            elif separator and key in ("name", "version", "checksum"):
                package[key] = value.strip('"')
                if key == "checksum":
                    found[package["name"], package["version"]] = package["checksum"]
    return found


def purl(package):
    return "pkg:cargo/{name}@{version}".format(**package).replace("+", "%2B")


def component(package, sums, scope):
    part = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": scope,
        "purl": purl(package),
    }
    if package["description"]:
        part["description"] = " ".join(package["description"].split())
    if package["license"]:
        # before SPDX had expressions, crates separated alternatives by a slash
        part["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = sums.get((package["name"], package["version"]))
    if checksum:
        part["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        part["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return part


def reached(nodes, start, wanted):
    """What `start` depends on by dependencies of the kinds in `wanted`."""
    seen, todo = set(), [start]
    while todo:
        for dependency in nodes[todo.pop()]["deps"]:
            kinds = {kind["kind"] for kind in dependency["dep_kinds"]}
            if kinds & wanted and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                todo.append(dependency["pkg"])
    return seen


def document(metadata, sums):
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    build_only = {id for id in packages if any("proc-macro" in target["kind"] for target in packages[id]["targets"])}
    # what only a proc macro or a build script needs is at work during the build and not in the program
    inside = reached({id: {"deps": [] if id in build_only else node["deps"]} for id, node in nodes.items()}, root, {None})
    inside -= build_only
    everything = reached(nodes, root, {None, "build"})
    parts = [component(packages[id], sums, "required" if id in inside else "excluded") for id in everything]
    dependencies = [
        {
            "ref": purl(packages[id]),
            "dependsOn": sorted(purl(packages[d["pkg"]]) for d in nodes[id]["deps"] if d["pkg"] in everything),
        }
        for id in everything | {root}
    ]
    program = component(packages[root], sums, "required")
    program["type"] = "application"
    parts.sort(key=lambda part: part["bom-ref"])
    dependencies.sort(key=lambda dependency: dependency["ref"])
    name = json.dumps([program, parts])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "version": 1,
        "metadata": {"component": program, "properties": [{"name": "targets", "value": " ".join(TARGETS)}]},
        "components": parts,
        "dependencies": dependencies,
    }


if __name__ == "__main__":
    json.dump(document(json.load(sys.stdin), checksums(sys.argv[1])), sys.stdout, indent=1, ensure_ascii=False)
    print()
