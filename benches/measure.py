"""Runs the binary and its peers in turn on each corpus and prints, or writes, one table of medians."""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import corpora

CONFIG = """
naming: {{region: 1, project: bench, server_name: bench}}
logging: {{logs_path: {work}/log}}
actions:
  full: {{type: tar, basename: a, src_path: {source}, dest_path: {work}/ours, level: 0, level_folders: [full, diff]}}
  unverified: {{source: full, verify: false}}
  diff: {{source: full, level: 1}}
"""


class Command:
    """One thing to measure: `shell` is timed, `before` is not; `result` is what it leaves, for the size."""

    def __init__(self, name, shell, before="", result=""):
        self.name, self.shell, self.before, self.result = name, shell, before, result
        self.seconds, self.size, self.failure = [], 0, ""
        self.memory = 0  # KiB, the biggest single process of a pipeline

    def measure(self):
        """Once; a command that fails is not tried again."""
        if self.failure:
            return
        ready = subprocess.run(["bash", "-ec", self.before], capture_output=True, check=False)
        if ready.returncode:
            self.failure = "its preparation failed"
            return
        # ours flushes what it writes, and would wait for what whoever came before has left to write
        os.sync()
        # a child of ours would count our own memory as its peak until it execs; GNU time is small
        with tempfile.NamedTemporaryFile("r") as peak:
            begun = time.monotonic()
            ran = subprocess.run(["/usr/bin/time", "-q", "-f", "%M", "-o", peak.name, "bash", "-o", "pipefail", "-c",
                                  self.shell], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            took = time.monotonic() - begun
            if ran.returncode:
                said = ran.stderr.decode(errors="replace").strip()
                self.failure = said.splitlines()[-1] if said else f"exit {ran.returncode}"
                return
            self.memory = max(self.memory, int(peak.read()))
        self.seconds.append(took)
        self.size = folder_size(self.result) if self.result else 0

    def median(self):
        return statistics.median(self.seconds) if self.seconds else None


def folder_size(path):
    """Bytes of the archives in a folder, without the lists and manifests beside ours."""
    found = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(os.path.getsize(name) for name in found if name.endswith("gz"))


class Contest:
    """Ours and the peers doing the same work; goals are ratios of wall time, by peer."""

    def __init__(self, title, ours, peers, goals):
        self.title, self.ours, self.peers, self.goals = title, ours, peers, goals

    def run(self, rounds):
        for _ in range(rounds):
            for command in [self.ours, *self.peers]:
                command.measure()

    def rows(self):
        yield [self.title, self.ours.name, *figures(self.ours), "", ""]
        for peer in self.peers:
            goal = self.goals.get(peer.name)
            yield ["", peer.name, *figures(peer), ratio(self.ours, peer), f"≤ {goal:.2f}" if goal else ""]


def figures(command):
    if command.failure:
        return [f"failed: {command.failure[:80]}", "", ""]
    size = f"{command.size / 1e6:.1f}" if command.size else ""
    return [f"{command.median():.2f}", size, f"{command.memory / 1024:.1f}"]


def ratio(ours, peer):
    if ours.median() is None or peer.median() is None:
        return ""
    return f"{ours.median() / peer.median():.2f}"


def packing(binary, work, source, title, goals, unverified=False, memory="warm"):
    """A full archive at level 5, as ours and as pipes of ordinary tools."""
    before = f"{fresh(work)}; {MEMORY[memory].format(source=source)}"
    pipe = f"tar -C {source} -cf - . | "
    peers = [
        Command("tar | pigz -5 -p2", f"{pipe}pigz -5 -p2 > {work}/peer/a.tgz", before, f"{work}/peer"),
        Command("tar | gzip -5", f"{pipe}gzip -5 > {work}/peer/a.tgz", before, f"{work}/peer"),
        Command("bsdtar", f"bsdtar -C {source} --options gzip:compression-level=5 -czf {work}/peer/a.tgz .",
                before, f"{work}/peer"),
    ]
    action = "unverified" if unverified else "full"
    ours = Command(f"krista-backup run {action}", f"{binary} --config {work}/config.yaml run {action}",
                   before, f"{work}/ours")
    return Contest(title, ours, [p for p in peers if p.name in goals], goals)


# what the kernel has in memory of a source before it is packed
MEMORY = {
    "warm": "find {source} -type f -print0 | xargs -0 cat > /dev/null",
    "cold": "sync; echo 3 > /proc/sys/vm/drop_caches",
    "as it is": "true",
}


def fresh(work):
    return f"rm -rf {work}/peer {work}/ours {work}/out; mkdir -p {work}/peer {work}/ours {work}/out"


def mixed(binary, work, source):
    config = f"--config {work}/config.yaml"
    yield packing(binary, work, source, "mixed tree, level 5",
                  {"tar | pigz -5 -p2": 0.80, "tar | gzip -5": 0.33, "bsdtar": None})
    yield packing(binary, work, source, "mixed tree, not read back", {"tar | pigz -5 -p2": 0.62}, unverified=True)
    ours = f"rm -rf {work}/out; mkdir {work}/out; [ -d {work}/ours/full ] || {binary} {config} run full"
    theirs = f"rm -rf {work}/out; mkdir {work}/out; [ -e {work}/peer/a.tgz ] || tar -C {source} -czf {work}/peer/a.tgz ."
    yield Contest("restore of the mixed tree",
                  Command("krista-backup restore", f"{binary} {config} restore full --privileged --to {work}/out", ours),
                  [Command("tar xzf", f"tar -xzf {work}/peer/a.tgz -C {work}/out", theirs)], {"tar xzf": 0.80})
    yield Contest("verify of the mixed archive",
                  Command("krista-backup verify", f"{binary} {config} verify full", ours),
                  [Command("gzip -t", f"gzip -t {work}/peer/a.tgz", theirs)], {"gzip -t": 0.45})


def small(binary, work, source):
    yield packing(binary, work, source, "200,000 small files, level 0", {"tar | pigz -5 -p2": 0.80, "bsdtar": None})
    if os.access("/proc/sys/vm/drop_caches", os.W_OK):
        yield packing(binary, work, source, "the same, nothing in memory", {"tar | pigz -5 -p2": None}, memory="cold")
    config = f"--config {work}/config.yaml"
    kept = f"{work}/peer/snapshot"
    yield Contest("the same unchanged, level 1",
                  Command("krista-backup run diff", f"{binary} {config} run diff",
                          f"rm -rf {work}/ours/diff; [ -d {work}/ours/full ] || {binary} {config} run full"),
                  [Command("tar -g", f"tar -g {kept}.now -C {source} -czf {work}/peer/b.tgz .",
                           f"[ -e {kept} ] || tar -g {kept} -C {source} -cf /dev/zero .; cp {kept} {kept}.now")],
                  {"tar -g": 1.0})


def million(binary, work, source):
    yield packing(binary, work, source, "1,000,000 tiny files, not read before", {"tar | pigz -5 -p2": None},
                  memory="as it is")


def incompressible(binary, work, source):
    yield packing(binary, work, source, "random bytes", {"tar | pigz -5 -p2": 0.35})


def logs(binary, work, source):
    yield packing(binary, work, source, "logs", {"tar | pigz -5 -p2": 0.80, "tar | gzip -5": 0.33})


WORKS = {"mixed": mixed, "small": small, "random": incompressible, "logs": logs, "million": million}
HEAD = ["work", "command", "seconds", "MB", "peak MiB", "ours / it", "goal"]


def table(rows):
    lines = [HEAD, ["---"] * len(HEAD), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines) + "\n"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} cores, {model}, Linux {os.uname().release.partition('-')[0]}"


REASONS = "## What falls short, and why"


def reasons():
    """What people wrote about the figures: it stays."""
    try:
        with open("docs/performance.md", encoding="utf-8") as file:
            return file.read().partition(REASONS)[1:]
    except FileNotFoundError:
        return REASONS, "\n"


def page(text, rounds):
    heading, why = reasons()
    return f"""# Performance

The table is written by `./build.sh bench`. Medians of {rounds} rounds in turn, the sources in memory unless the row says otherwise,
nothing left to write by whoever came before, whole process.
krista-backup computes SHA-256 and reads the finished archive back, unless the row says otherwise; the peers do neither.
Sizes are those of the archives alone. Peak memory is that of the biggest process of a pipeline. Machine: {machine()}.

{text}
{heading}{why}"""


def arguments():
    parser = argparse.ArgumentParser(prog="./build.sh bench")
    parser.add_argument("binary")
    parser.add_argument("folder")
    parser.add_argument("--scale", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(WORKS))
    given = parser.parse_args()
    if given.rounds < 3 or not 1 <= given.scale <= 100:
        parser.error("--rounds is at least 3, --scale between 1 and 100")
    return given


def main():
    given = arguments()
    rows = []
    for name, contests in WORKS.items():
        if given.only not in (None, name):
            continue
        work = f"{given.folder}/work-{name}"
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        source = corpora.make(name, given.folder, given.scale / 100)
        with open(f"{work}/config.yaml", "w", encoding="utf-8") as file:
            file.write(CONFIG.format(work=work, source=source))
        os.chmod(f"{work}/config.yaml", 0o600)
        for contest in contests(given.binary, work, source):
            print(f"   {contest.title}", file=sys.stderr)
            contest.run(given.rounds)
            rows += contest.rows()
        shutil.rmtree(work)
    text = table(rows)
    print(text)
    if given.scale == 100 and not given.only:
        # what stays of the page is read before it is written anew
        whole = page(text, given.rounds)
        with open("docs/performance.md", "w", encoding="utf-8") as file:
            file.write(whole)


main()
