"""Asks a webapi for every address in docs/openapi.yaml and compares the answers with what stands there.

usage: openapi_check.py BASE OPENAPI PATH=CODE…    PATH as asked; {dir}/{name} filled in
"""

import json
import sys
import urllib.error
import urllib.request

import jsonschema
import yaml


def strict(schema):
    """What is not described must not be there: the answers are ours, so a new key wants a description."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            strict(part)
    elif isinstance(schema, list):
        for part in schema:
            strict(part)


def described(document, path):
    """The entry for a path, and its template."""
    parts = path.split("/")
    for template, entry in document["paths"].items():
        own = template.split("/")
        if len(own) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(own, parts)):
            return template, entry["get"]
    return None, None


def ask(base, path):
    try:
        with urllib.request.urlopen(base + path, timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def main():
    base, file, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
    with open(file, encoding="utf-8") as text:
        document = yaml.safe_load(text)
    strict(document["components"]["schemas"])
    seen = set()
    for want in wanted:
        path, code = want.rsplit("=", 1)
        status, kind, body = ask(base, path)
        assert status == int(code), (path, status, body[:500])
        template, operation = described(document, path)
        if template is None:
            response = document["components"]["responses"]["Refused"]
        else:
            seen.add(template)
            response = operation["responses"].get(code, operation["responses"]["default"])
        if "$ref" in response:
            response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
        content = response["content"]
        assert kind.split(";")[0] in content, (path, kind)
        schema = dict(content[kind.split(";")[0]]["schema"])
        if kind != "application/json":
            continue
        schema["components"] = document["components"]
        validator = jsonschema.Draft202012Validator(schema)
        errors = sorted(validator.iter_errors(json.loads(body)), key=str)
        for error in errors[:5]:
            print(path, list(error.absolute_path), error.message[:300])
        assert not errors, path
    assert seen == set(document["paths"]), ("never asked", set(document["paths"]) - seen)


main()
