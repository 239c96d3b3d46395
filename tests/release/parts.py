"""Is the list of parts (first argument) a CycloneDX document that names everything in Cargo.lock (second) that is compiled?"""

import json
import re
import sys

# In Cargo.lock for other systems than Linux: compiled nowhere.
FOREIGN = {"errno", "windows-link", "windows-sys"}


def main(document_file, lock_file):
    with open(document_file, encoding="utf-8") as text:
        document = json.load(text)
    assert document["bomFormat"] == "CycloneDX" and document["specVersion"] == "1.5" and document["version"] == 1
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"])
    program, parts = document["metadata"]["component"], document["components"]
    assert program["type"] == "application" and program["name"] == "krista-backup", program
    for part in parts:
        name = part["name"]
        assert part["type"] == "library" and part["scope"] in ("required", "excluded"), part
        assert part["purl"] == part["bom-ref"] and part["purl"].startswith("pkg:cargo/%s@" % name), part
        assert len(part["hashes"]) == 1 and re.fullmatch("[0-9a-f]{64}", part["hashes"][0]["content"]), part
        assert re.fullmatch(r"[A-Za-z0-9.() -]+", part["licenses"][0]["expression"]), part
    known = {part["bom-ref"] for part in parts} | {program["bom-ref"]}
    assert len(known) == len(parts) + 1, "a part is listed twice"
    for dependency in document["dependencies"]:
        assert {dependency["ref"], *dependency["dependsOn"]} <= known, dependency
    assert {dependency["ref"] for dependency in document["dependencies"]} == known

    with open(lock_file, encoding="utf-8") as text:
        locked = set(re.findall(r'name = "(.*)"\nversion = "(.*)"', text.read()))
    listed = {(part["name"], part["version"]) for part in [program, *parts]}
    missing = {crate for crate in locked - listed if crate[0] not in FOREIGN}
    assert not missing and not listed - locked, (missing, listed - locked)
    inside = sorted(part["name"] for part in parts if part["scope"] == "required")
    assert "flate2" in inside and "zlib-rs" in inside and "syn" not in inside, inside
    print("   %d crates in the program, %d at work during the build" % (len(inside), len(parts) - len(inside)))


main(*sys.argv[1:])
