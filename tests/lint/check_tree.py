#!/usr/bin/env python3
"""Fails when the tree itself breaks a promise: a folder of code without a README, a script without
its run bit, a parser without a fuzz target, a fuzz target without seeds, a path of one machine."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                        capture_output=True, text=True, check=True).stdout.split("\n")
files = [name for name in listed if name and (ROOT / name).exists()]
bad = []

# Only the folders DESIGN draws as rooms or tops; what lies deeper is spoken for by its parent.
rooms = {str(pathlib.PurePath(*pathlib.PurePath(name).parts[:2])) for name in files
         if name.split("/")[0] in ("core", "agent", "collector") and name.count("/") >= 2}
rooms |= {"core", "agent", "collector", "cli", "proto", "rules", "tests", "deploy", "docs"}
for room in sorted(rooms):
    if not (ROOT / room / "README.md").exists():
        bad.append(f"{room}/README.md is missing")

for name in files:
    path = ROOT / name
    if path.suffix in ("", ".py", ".sh") and path.is_file():
        first = path.open("rb").readline()
        if first.startswith(b"#!") and not os.access(path, os.X_OK):
            bad.append(f"{name}: begins with #! but has no run bit")
    if path.suffix in (".h", ".cc", ".py", ".md", ".txt", ".yaml", ".json", ".cmake") and path.is_file():
        text = path.read_text(errors="replace")
        if re.search(r"(?<![\w.])/(root|home/\w+|work)/", text) and not name.startswith("tests/captures/"):
            bad.append(f"{name}: names a path of one machine")

targets = {pathlib.Path(name).name[:-len("_fuzz.cc")] for name in files if name.endswith("_fuzz.cc")}
for target in sorted(targets):
    if not any(name.startswith(f"tests/fuzz/corpus/{target}/") for name in files):
        bad.append(f"tests/fuzz/corpus/{target}/ has no seeds")

print("\n".join(bad))
print(f"{len(files)} files, {len(bad)} findings")
sys.exit(1 if bad else 0)
