"""What the benches of the collector share: building, starting it, reading its counters, JSON lines."""
import json
import pathlib
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
PROGRAMS = ("gnomon-collector", "gnomon-swarm", "bench_ingest_yardstick")


def build():
    """Makes the programs in the release build when they are missing."""
    if all((BIN / name).exists() for name in PROGRAMS):
        return
    subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", *PROGRAMS], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)


class Collector:
    """A real collector on free loopback ports; ends with the block."""

    def __init__(self, folder, *options):
        self.data = pathlib.Path(folder)
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen(
            [BIN / "gnomon-collector", "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--enrol", "127.0.0.1:0",
             "--http", "127.0.0.1:0", *map(str, self.options)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the collector did not start")
            try:
                self.ports = json.loads((self.data / "ports.json").read_text())
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}/readyz", timeout=5):
                    return self
            except (OSError, ValueError):
                time.sleep(0.05)

    def __exit__(self, *unused):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def counters(self):
        """Every series of /metrics, by its rendered name."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def swarm(self, scene, **options):
        """Plays one scene and returns what it measured."""
        return tool("gnomon-swarm", scene, authority=self.data / "ca", collector=f"127.0.0.1:{self.ports['agents']}",
                    pid=self.process.pid, **options)


def tool(program, command, **options):
    """Runs a program that prints one JSON object; underscores in names of options become dashes."""
    words = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), str(value))]
    done = subprocess.run([BIN / program, command, *words], stdout=subprocess.PIPE, text=True)
    if not done.stdout.strip():
        raise RuntimeError(f"{program} {command} ended with {done.returncode} and said nothing")
    return json.loads(done.stdout.splitlines()[-1])


def say(bench, figure, yardstick, ratio, unit, **more):
    """Prints one line of a bench."""
    numbers = {"figure": figure, "yardstick": yardstick, "ratio": ratio}
    line = {"bench": bench, **{name: float(f"{value:.4g}") for name, value in numbers.items()}, "unit": unit, **more}
    print(json.dumps(line), flush=True)
