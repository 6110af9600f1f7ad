#!/usr/bin/env python3
"""Fails when a source file includes upward. The allowed edges stand in layers.txt."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)

allowed = {}
for line in (ROOT / "tests/lint/layers.txt").read_text().splitlines():
    words = line.split("#")[0].split()
    if words:
        allowed[words[0]] = set(words[1:]) | {words[0]}


def layer_of(path):
    """Returns the longest listed folder that holds path, or None."""
    return max((f for f in allowed if path.startswith(f + "/")), key=len, default=None)


bad = []
for top in ("core", "agent", "collector", "cli"):
    for file in sorted(path for end in ("*.h", "*.cc") for path in (ROOT / top).rglob(end)):
        path = file.relative_to(ROOT).as_posix()
        layer = layer_of(path)
        if layer is None:
            bad.append(f"{path}: its folder is not in tests/lint/layers.txt")
            continue
        for target in INCLUDE.findall(file.read_text()):
            below = layer_of(target)
            if below and below not in allowed[layer]:
                bad.append(f"{path}: {layer} must not include {target}")
print("\n".join(bad))
sys.exit(1 if bad else 0)
