"""The programs under test, started and stopped from Python, and the tests that do it."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import traceback

SKIP = 77

# Put before a program: file permissions hold for it as they do for everybody, also when root tests.
UNPRIVILEGED = () if os.geteuid() != 0 else (
    "setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search", "--")


class Skipped(Exception):
    """This test cannot run here; the text says why."""


class Workplace:
    """A fresh folder, gone at the end, with the programs of one build."""

    def __init__(self, binaries):
        self.binaries = pathlib.Path(binaries).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gnomon-e2e-"))
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return self.folder / name

    def run(self, program, *arguments, timeout=120, stdin=None, env=None, by=()):
        """Runs a program to its end, `by` another where given; yields (exit status, output, errors)."""
        done = subprocess.run([*by, str(self.binaries / program), *map(str, arguments)],
                              stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, errors="replace",
                              env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def start(self, program, *arguments, log=None, by=(), env=None):
        out = open(log, "ab") if log else subprocess.DEVNULL
        process = subprocess.Popen([*map(str, by), str(self.binaries / program), *map(str, arguments)],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   env={**os.environ, **(env or {})})
        self.running.append(process)
        return process


def wait_until(condition, seconds, what):
    """Asks until it is so. The one place that waits; the bound is generous, for loaded machines."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def spool_bytes(place, name):
    """How far an agent has come, in bytes of its spool."""
    folder = place.path(name) / "spool"
    total = 0
    for path in folder.glob("*") if folder.exists() else ():
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            pass  # the agent removes and renames as it likes
    return total


def wait_for_progress(place, name, agent, wanted):
    """Waits until the agent's spool holds `wanted` bytes; False when the agent ended before."""
    while spool_bytes(place, name) < wanted:
        if agent.poll() is not None:
            return False
        time.sleep(0.001)
    return agent.poll() is None


def kill_hard(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def rows(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


# What a sequence or the moment of sending says is not part of a contact.
MOVING = ("sequence", "sent", "received_ns", "epoch", "agent")


def as_multiset(contacts):
    return sorted(json.dumps({k: v for k, v in contact.items() if k not in MOVING}, sort_keys=True)
                  for contact in contacts)


def assert_one_sentence(errors, *words):
    """One line for the operator, with these words in it and no trace of the inside."""
    said = [line for line in errors.splitlines() if line.startswith(("gnomon", "gnomon-"))
            and ": " in line]
    assert len(said) == 1, f"expected one sentence, got:\n{errors}"
    for word in words:
        assert word in said[0], f"'{word}' is not in: {said[0]}"
    for bad in ("terminate called", "what():", "Sanitizer", "Traceback"):
        assert bad not in errors, errors


def main(module):
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    found = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    chosen = {name: found[name] for name in options.tests} if options.tests else found
    skipped = []
    failed = []
    for name, test in chosen.items():
        began = time.monotonic()
        try:
            with Workplace(options.bin) as place:
                test(place)
            print(f"ok       {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Skipped as reason:
            skipped.append(str(reason))
            print(f"skipped  {name}: {reason}", flush=True)
        except Exception:  # every test is run, whatever the others came to
            failed.append(name)
            print(f"FAILED   {name}\n{traceback.format_exc()}", flush=True)
    if failed:
        print("failed: " + ", ".join(failed))
        return 1
    if skipped and len(skipped) == len(chosen):
        print(skipped[0])
        return SKIP
    return 0
