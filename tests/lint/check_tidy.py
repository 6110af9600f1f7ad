#!/usr/bin/env python3
"""Runs clang-tidy on what changed: the .cc files of the last commit, of the work tree, and those
that include a header which changed there. --all takes every .cc file of the tree.

    tests/lint/check_tidy.py --build build/dev [--all] [--base REV]
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
TOPS = ("core/", "agent/", "collector/", "cli/")
MOST = 12  # a larger change is cut, and says so: the whole tree is what --all is for

parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build/dev")
parser.add_argument("--all", action="store_true")
parser.add_argument("--base", default="HEAD~1")
options = parser.parse_args()


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.split() if done.returncode == 0 else []


tool = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
if tool is None:
    print("clang-tidy is not installed")
    sys.exit(SKIP)
database = ROOT / options.build / "compile_commands.json"
if not database.exists():
    print(f"{options.build} is not configured")
    sys.exit(SKIP)
known = {os.path.relpath(entry["file"], ROOT) for entry in json.loads(database.read_text())}

if options.all:
    files = sorted(name for name in known if name.startswith(TOPS))
else:
    changed = set(git("diff", "--name-only", options.base)) | set(git("diff", "--name-only"))
    changed |= set(git("ls-files", "-o", "--exclude-standard"))
    headers = {name for name in changed if name.endswith(".h")}
    files = {name for name in changed if name in known and name.startswith(TOPS)}
    for name in known:
        if name.startswith(TOPS) and (ROOT / name).exists():
            text = (ROOT / name).read_text(errors="replace")
            if any(f'#include "{header}"' in text for header in headers):
                files.add(name)
    files = sorted(files)
    if len(files) > MOST:
        print(f"{len(files)} files changed; the first {MOST} are read here, --all reads every one")
        files = files[:MOST]


def read(name):
    return name, subprocess.run([tool, "-p", options.build, "--quiet",
                                 # The compiler of the build may know warnings that this one does not.
                                 "--extra-arg=-Wno-unknown-warning-option", name], cwd=ROOT,
                                capture_output=True, text=True)


bad = 0
with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
    for name, done in pool.map(read, files):
        if done.returncode != 0:
            bad += 1
            print(done.stdout.strip() or done.stderr.strip())
print(f"{len(files)} files read, {bad} with findings")
sys.exit(1 if bad else 0)
