"""The network of the lab: one namespace that is the internet, one for each workstation. Nothing leaves the machine.

Names are made of this process' id, so that several labs can run at once, and everything is removed at the end,
also after a failure or an interrupt.
"""
import atexit
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import network_namespaces  # noqa: E402

SKIP = 77


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def reason_against(programs=("ip", "tcpdump", "node", "caddy", "chromium"), driver=True):
    """Returns why the lab cannot run here, or None. `driver`: stories are driven, which needs playwright-core."""
    reason = network_namespaces.reason_against()
    if reason:
        return reason
    for program in programs:
        if shutil.which(program) is None:
            return f"needs {program} (see deploy/packages-debian-tests.txt)"
    if driver and not (HERE / "node_modules/playwright-core").exists():
        if shutil.which("npm") is None:
            return "needs npm, to install playwright-core"
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            return "playwright-core could not be installed with npm ci"
    return None


def skip_unless_possible(**needs):
    reason = reason_against(**needs)
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)


def beside(space):
    """The beginning of a command in a namespace that sees the machine's mounts: `ip netns exec` puts a /sys of its own over
    them, without the control groups that the agent asks about."""
    return ["nsenter", f"--net=/run/netns/{space}"]


class Lab:
    """The running lab: namespaces and servers. Use as a context manager. HTTP/3 needs caddy."""

    def __init__(self, folder, workstations=1, with_http3=True, dns_delay_ms=0):
        self.folder = folder
        self.prefix = f"gl{os.getpid()}"
        self.inet = self.prefix + "inet"
        self.stations = [f"{self.prefix}ws{i + 1}" for i in range(workstations)]
        self.processes = []
        self.closed = False
        self.with_http3 = with_http3
        self.dns_delay_ms = dns_delay_ms

    def __enter__(self):
        import prepare
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(130))
        self.world = prepare.prepare(self.folder, self.with_http3)
        self._make_network()
        self._start_servers()
        return self

    def __exit__(self, *_):
        self.close()

    def _make_network(self):
        run("ip", "netns", "add", self.inet)
        inet = ["ip", "-n", self.inet]
        run(*inet, "link", "set", "lo", "up")
        run(*inet, "address", "add", "10.66.0.1/32", "dev", "lo")
        run(*inet, "route", "add", "local", "198.18.0.0/15", "dev", "lo")
        run(*inet, "-6", "route", "add", "local", "2001:db8:18::/47", "dev", "lo")
        for version in ("ipv4", "ipv6"):
            run("ip", "netns", "exec", self.inet, "sysctl", "-qw", f"net.{version}.ip_nonlocal_bind=1")
        for i, station in enumerate(self.stations, 1):
            resolver = pathlib.Path("/etc/netns") / station
            resolver.mkdir(parents=True, exist_ok=True)
            (resolver / "resolv.conf").write_text("nameserver 10.66.0.1\noptions timeout:2 attempts:2\n")
            run("ip", "netns", "add", station)
            run("ip", "link", "add", f"w{i}", "netns", self.inet, "type", "veth", "peer", "name", "eth0", "netns", station)
            ws = ["ip", "-n", station]
            for where, device, v4, v6 in ((ws, "eth0", f"10.66.{i}.10/24", f"fd66:{i}::10/64"),
                                          (inet, f"w{i}", f"10.66.{i}.1/24", f"fd66:{i}::1/64")):
                run(*where, "address", "add", v4, "dev", device)
                run(*where, "address", "add", v6, "dev", device, "nodad")
                run(*where, "link", "set", device, "up")
            run(*ws, "link", "set", "lo", "up")
            run(*ws, "route", "add", "default", "via", f"10.66.{i}.1")
            run(*ws, "-6", "route", "add", "default", "via", f"fd66:{i}::1")
            if i % 2 == 0:  # hellos split over segments, as where a card does not segment for the system
                for space, device in ((station, "eth0"), (self.inet, f"w{i}")):
                    run("ip", "netns", "exec", space, "ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off",
                        check=False)

    def start(self, space, *command, ready=None, by=None, **kwargs):
        """Starts a program in a namespace, `by` other words than ip's if given; waits for its line `ready`."""
        process = subprocess.Popen([*(by or ["ip", "netns", "exec", space]), *command], start_new_session=True,
                                   stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE if ready else kwargs.pop("stdout", subprocess.DEVNULL),
                                   text=True, **kwargs)
        self.processes.append(process)
        if ready:
            line = process.stdout.readline()
            if ready not in line:
                raise RuntimeError(f"{command[0]} did not start: {line!r}")
        return process

    def _start_servers(self):
        self.control = str(self.folder / "control.sock")
        pathlib.Path(self.control).unlink(missing_ok=True)
        errors = open(self.folder / "servers.log", "a")
        self.start(self.inet, "python3", str(HERE / "dns.py"), str(self.folder / "dns.json"), ready="ready", stderr=errors,
                   env={**os.environ, "LAB_DNS_DELAY_MS": str(self.dns_delay_ms)})
        self.start(self.inet, "node", str(HERE / "web.cjs"), str(self.folder / "world.json"), self.control,
                   ready="ready", stderr=errors)
        if not self.with_http3:
            return
        self.start(self.inet, "caddy", "run", "--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile",
                   stdout=errors, stderr=errors, env={**os.environ, "HOME": str(self.folder)})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            listening = run("ip", "netns", "exec", self.inet, "ss", "-lunH", check=False).stdout
            if listening.count(":443") >= 20:
                return
            time.sleep(0.2)
        raise RuntimeError("caddy did not start, see " + str(self.folder / "servers.log"))

    def addresses(self, station):
        i = self.stations.index(station) + 1
        return f"10.66.{i}.10,fd66:{i}::10"

    def record(self, station, path):
        """Starts tcpdump on a workstation; stop it with stop()."""
        process = self.start(station, "tcpdump", "-i", "eth0", "-U", "-s", "0", "-B", "16384", "-Z", "root",
                             "-w", str(path), "port 53 or port 443 or port 80",
                             stderr=open(str(path) + ".log", "w"))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and "listening" not in pathlib.Path(str(path) + ".log").read_text():
            time.sleep(0.05)
        return process

    def stop(self, process, number=signal.SIGINT):
        if process.poll() is None:
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=8)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def close(self):
        if self.closed:
            return
        self.closed = True
        for process in reversed(self.processes):
            self.stop(process, signal.SIGTERM)
        for space in (*self.stations, self.inet):
            run("ip", "netns", "del", space, check=False)
            shutil.rmtree(pathlib.Path("/etc/netns") / space, ignore_errors=True)
