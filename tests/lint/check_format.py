#!/usr/bin/env python3
"""Fails when a source file is not laid out as .clang-format (version 14) says."""
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77

tool = shutil.which("clang-format-14") or shutil.which("clang-format")
if tool is None:
    print("clang-format is not installed")
    sys.exit(SKIP)
version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
if "version 14" not in version:
    print(f"layout is pinned to clang-format 14; here is {version.strip()}")
    sys.exit(SKIP)
listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cc"], cwd=ROOT,
                        capture_output=True, text=True, check=True).stdout.split()
files = [name for name in listed if (ROOT / name).exists()]
done = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True, text=True)
bad = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
for name in bad:
    print(f"{name}: run clang-format -i on it")
print(f"{len(files)} files")
sys.exit(1 if bad else done.returncode)
