#!/usr/bin/env python3
"""Fails when a header does not compile alone. Flags are those of a source file of the same folder.

    tests/lint/check_headers.py --build build/dev
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPS = ("core", "agent", "collector", "cli")

parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build/dev")
options = parser.parse_args()
database = ROOT / options.build / "compile_commands.json"
if not database.exists():
    print(f"{options.build} is not configured")
    sys.exit(77)

# Folder -> the flags that say where includes are; optimisation and sanitizers only cost time here.
flags = {}
everywhere = []
for entry in json.loads(database.read_text()):
    words = shlex.split(entry["command"])
    kept = []
    for i, word in enumerate(words):
        if word.startswith(("-I", "-D", "-std=")) and word not in ("-D",):
            kept.append(word)
        elif word == "-isystem":
            kept += [word, words[i + 1]]
    folder = os.path.relpath(os.path.dirname(entry["file"]), ROOT)
    compiler = next(word for word in words if word.endswith(("c++", "g++", "clang++")))
    flags.setdefault(folder, (compiler, entry["directory"], kept))
    for word in kept:
        if word not in everywhere:
            everywhere.append(word)


def check(header):
    folder = os.path.dirname(header)
    compiler, directory, kept = flags.get(folder) or (*next(iter(flags.values()))[:2], everywhere)
    done = subprocess.run([compiler, *kept, "-fsyntax-only", "-w", "-x", "c++", str(ROOT / header)],
                          cwd=directory, capture_output=True, text=True)
    return header, done


headers = sorted(str(path.relative_to(ROOT)) for top in TOPS for path in (ROOT / top).rglob("*.h"))
bad = 0
with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
    for header, done in pool.map(check, headers):
        if done.returncode != 0:
            bad += 1
            print("\n".join(done.stderr.splitlines()[:12]))
print(f"{len(headers)} headers, {bad} do not stand alone")
sys.exit(1 if bad else 0)
