#!/usr/bin/env python3
"""Fails when systemd does not understand a service unit in deploy/systemd, or finds it less
hardened than it is meant to be (`systemd-analyze verify` and `security`, without a running one).
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77

# The exposure that systemd counts, in tenths: 0 none, 100 all. The agent needs packet sockets and,
# to name programs, a look at other users' processes.
MOST = {"gnomon-agent.service": 25, "gnomon-collector.service": 15}

tool = shutil.which("systemd-analyze")
if tool is None:
    print("systemd-analyze is not installed")
    sys.exit(SKIP)

bad = 0
with tempfile.TemporaryDirectory() as folder:
    for unit in sorted((ROOT / "deploy/systemd").glob("*.service")):
        # The programs need not be installed for their units to be checked.
        text = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text(),
                      flags=re.MULTILINE)
        copy = pathlib.Path(folder) / unit.name
        copy.write_text(text)
        verified = subprocess.run([tool, "verify", "--man=no", "--recursive-errors=no", str(copy)],
                                  capture_output=True, text=True)
        if verified.returncode != 0 or verified.stderr.strip():
            bad += 1
            print(f"{unit.name}: {verified.stderr.strip()}")
        held = subprocess.run([tool, "security", "--offline=yes", "--no-pager",
                               f"--threshold={MOST[unit.name]}", str(copy)],
                              capture_output=True, text=True)
        if held.returncode != 0:
            bad += 1
            print(f"{unit.name}: {held.stdout[-4000:] or held.stderr}")
print(f"{len(MOST)} units")
sys.exit(1 if bad else 0)
