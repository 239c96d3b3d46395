"""Asks a webapi as KB17's central page did, and prints what the page would show."""

import json
import sys
import urllib.parse
import urllib.request


def ask(base, path):
    with urllib.request.urlopen(base + urllib.parse.quote(path), timeout=60) as answer:
        assert answer.status == 200, (path, answer.status)
        assert answer.headers["Content-Type"] == "application/json", answer.headers["Content-Type"]
        return json.loads(answer.read().decode("utf-8"))


def main():
    base = sys.argv[1]
    info = ask(base, "/api/si")
    print(info["name"], info["flask"], info["msg"], " ".join(info["errors"]).strip() or "-")
    overview = ask(base, "/api/cf")
    print(overview["full_name"])
    for name, task in overview["schedules"].items():
        print("task", name, task["cron"], task["actions"], task.get("descr"), task["active"])
    for name, action in overview["actions"].items():
        print("action", name, json.dumps(action, ensure_ascii=False))
    for directory, logs in overview["logs"].items():
        for log in logs:
            print(directory, log["name"], log["exist"], log["error"], log["warning"], log["msg"].strip())
            for place, name in ((directory, log["name"]), ("debug", log["debugname"])):
                if name and (place != "debug" or log["exist"]):
                    shown = ask(base, "/api/rl/%s/%s" % (place, name))
                    assert shown["filename"].endswith("/%s/%s" % (place, name)), shown["filename"]
                    assert all(line.endswith("\n") for line in shown["lines"]), shown["lines"]
                    print("   ", place, len(shown["lines"]), "lines")
    print(ask(base, "/api/rl/2020/none.log"))


main()
