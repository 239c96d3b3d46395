"""The data the benchmark works on. Each corpus is made once and kept."""

import os
import random
import shutil
import subprocess

MIB = 1 << 20


def mixed(root, share):
    """Programs, libraries, documents and fonts of this machine, 350 MB of them in an order that is always the same."""
    places = ["/usr/bin", "/usr/lib", "/usr/share"]
    found = []
    for place in places:
        for folder, _, names in os.walk(place):
            found += [os.path.join(folder, name) for name in names]
    found.sort()
    random.Random(1).shuffle(found)
    left = int(350 * MIB * share)
    for path in found:
        if left <= 0:
            return
        if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > 16 * MIB:
            continue
        copy = root + path
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copy(path, copy)
        left -= os.path.getsize(path)


def small(root, share):
    """200,000 files of up to 4 KB in 1,000 directories, text of medium entropy."""
    chance = random.Random(2)
    words = [f"{chance.getrandbits(32):x}" for _ in range(4000)]
    text = " ".join(chance.choice(words) for _ in range(200_000)).encode()
    for number in range(int(1000 * share) or 1):
        folder = f"{root}/{number % 37}/{number}"
        os.makedirs(folder)
        for name in range(200):
            start = chance.randrange(len(text) - 4096)
            with open(f"{folder}/file-{name}.txt", "wb") as file:
                file.write(text[start:start + chance.randrange(4096)])


def million(root, share):
    """1,000,000 files of one line in 2,000 directories."""
    for number in range(int(2000 * share) or 1):
        folder = f"{root}/{number % 41}/{number}"
        os.makedirs(folder)
        for name in range(500):
            with open(f"{folder}/{name}", "w", encoding="ascii") as file:
                file.write(f"{number} {name}\n")


def incompressible(root, share):
    """1 GiB that cannot be compressed."""
    for number in range(4):
        with open(f"{root}/part-{number}.bin", "wb") as file:
            for _ in range(int(256 * share) or 1):
                file.write(os.urandom(MIB))


def logs(root, share):
    """1 GiB of a web server's log."""
    chance = random.Random(3)
    paths = [f"/api/v1/{chance.choice(['order', 'user', 'search'])}/{chance.randrange(9999)}" for _ in range(500)]
    left = int(1024 * MIB * share)
    second = 0
    with open(f"{root}/access.log", "w", encoding="ascii") as file:
        while left > 0:
            lines = []
            for _ in range(2000):
                second += chance.randrange(2)
                lines.append(
                    f"10.{chance.randrange(4)}.{chance.randrange(256)}.{chance.randrange(256)} - - "
                    f"[{second // 86400 + 1:02}/Nov/2026:{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
                    f' +0300] "GET {chance.choice(paths)} HTTP/1.1" {chance.choice([200, 200, 200, 304, 404])} '
                    f"{chance.randrange(90000)}\n")
            block = "".join(lines)
            file.write(block)
            left -= len(block)


MAKERS = {"mixed": mixed, "small": small, "random": incompressible, "logs": logs, "million": million}


def make(name, folder, share):
    """The corpus's directory; made when it is not there yet, and read once so that every command finds it in memory."""
    root = f"{folder}/{name}-{int(share * 100)}"
    if not os.path.isdir(root):
        shutil.rmtree(root + ".new", ignore_errors=True)
        os.makedirs(root + ".new")
        MAKERS[name](root + ".new", share)
        os.rename(root + ".new", root)
    subprocess.run(["tar", "-cf", "/dev/zero", "-C", root, "."], check=True)
    return root
