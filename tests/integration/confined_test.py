#!/usr/bin/env python3
"""A confined agent at work: what it still sees once its rights are gone, and where the system offers less to confine it
with: a bare chroot, a kernel or container without seccomp and Landlock.

    tests/integration/confined_test.py --bin build/release/bin [TEST...]
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

from collector_test import Collector
from policy_test import status_of
from programs import Skipped, main, wait_until

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import network_namespaces  # noqa: E402

ANYBODY = 4242  # a user id of a person; needs no account


class Confined:
    """`gnomon-agent run` put into its place by another program."""

    def __init__(self, place, name, *arguments, by, data=None):
        self.place, self.data = place, data or place.path(name)
        self.log_path = place.path(f"{name}.log")
        self.process = place.start("gnomon-agent", "run", "--data", self.data, *arguments, by=by,
                                   log=self.log_path)

    def log(self):
        return self.log_path.read_text()[-3000:]

    def status(self, folder=None):
        path = (folder or self.data) / "status"
        return path.read_text() if path.exists() else ""

    def is_running(self, folder=None):
        def asked():
            assert self.process.poll() is None, self.log()
            return "confinement=" in self.status(folder) and "agent.started" in self.log()
        wait_until(asked, 60, "the agent to run")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log()


def require_root(*programs):
    if os.geteuid() != 0:
        raise Skipped("this needs root")
    for program in programs:
        if shutil.which(program) is None:
            raise Skipped(f"{program} is not installed")


def sh(*words, **options):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, **options)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Machine:
    """Two network namespaces: `near` is the workstation, `far` the world."""

    def __init__(self):
        self.near, self.far = (f"gncage{end}{os.getpid()}" for end in "nf")

    def __enter__(self):
        reason = network_namespaces.reason_against()
        if reason:
            raise Skipped(reason)
        for name in (self.near, self.far):
            sh("ip", "netns", "add", name)
        return self

    def __exit__(self, *_):
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)

    def plug_in(self, interface, number):
        """An interface that was not there before, with a way to the world."""
        sh("ip", "-n", self.near, "link", "add", interface, "type", "veth", "peer", "name",
           f"far{number}", "netns", self.far)
        for name, end, last in ((self.near, interface, 1), (self.far, f"far{number}", 2)):
            sh("ip", "-n", name, "address", "add", f"10.77.{number}.{last}/24", "dev", end)
            sh("ip", "-n", name, "link", "set", end, "up")

    @contextlib.contextmanager
    def answering(self, number):
        """The world answers on an interface's other end."""
        server = subprocess.Popen(["ip", "netns", "exec", self.far, "python3", "-c", SERVER,
                                   f"10.77.{number}.2"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "listening\n"
            yield
        finally:
            server.stdin.close()
            server.wait(timeout=30)

    def client(self, host, number, then):
        """The command of somebody's program that says hello to `host`, hears an answer, and then does as told."""
        return ["ip", "netns", "exec", self.near, "setpriv", "--reuid", str(ANYBODY), "--clear-groups", "python3", "-c",
                CLIENT + then, host, f"10.77.{number}.2"]

    def visit(self, host, number):
        """Somebody's program says hello to `host` and keeps the connection until it is seen."""
        with self.answering(number):
            done = subprocess.run(self.client(host, number, KEEP_OPEN), capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr


SERVER = """
import socket, sys, threading
listener = socket.create_server((sys.argv[1], 443))
print("listening", flush=True)
def serve():
    while True:
        one, _ = listener.accept()
        one.recv(4096)
        one.sendall(b"seen")  # the hello has crossed the interface
        one.recv(1)
threading.Thread(target=serve, daemon=True).start()
sys.stdin.read()
"""

CLIENT = """
import socket, ssl, sys, time
out = ssl.MemoryBIO()
try:
    ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=sys.argv[1]).do_handshake()
except ssl.SSLWantReadError:
    pass
one = socket.create_connection((sys.argv[2], 443), timeout=30)
one.sendall(out.read())
assert one.recv(4) == b"seen"
"""

# What the agent asks the kernel for, it asks with the hello in hand: the socket stays open for a
# while behind it.
KEEP_OPEN = "time.sleep(1)"
CLOSE = "one.close(); print('closed', flush=True); sys.stdin.read()"


def told_of(place, name):
    status, out, errors = place.run("gnomon-agent", "explain", "--json", "--data", place.path(name))
    assert status == 0, errors
    return [json.loads(line) for line in out.splitlines() if line.strip()]


def test_without_rights_it_follows_interfaces_and_names_programs(place):
    require_root("ip", "setpriv")
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    with Machine() as machine:
        agent = Confined(place, "ws", by=["ip", "netns", "exec", machine.near])
        agent.is_running()
        for task in pathlib.Path(f"/proc/{agent.process.pid}/task").iterdir():
            rights = re.search(r"^CapEff:\s*(\w+)", (task / "status").read_text(), re.MULTILINE)[1]
            assert int(rights, 16) & (1 << 12 | 1 << 13 | 1 << 39 | 1 << 21) == 0, rights  # net, raw, BPF, admin
        machine.plug_in("late0", 1)  # a cable, a VPN
        machine.visit("trello.com", 1)
        for state in ("down", "up"):  # asleep and awake
            sh("ip", "-n", machine.near, "link", "set", "late0", state)
        machine.visit("app.asana.com", 1)
        sh("ip", "-n", machine.near, "link", "delete", "late0")
        machine.plug_in("late1", 2)
        machine.visit("www.notion.so", 2)
        agent.end()
    told = told_of(place, "ws")
    programs = {contact["tool"]: contact["program"] for contact in told}
    assert {"trello", "asana", "notion"} <= set(programs), told
    # By the name of the program's file: python3.11, say.
    assert all("python" in programs[tool] for tool in ("trello", "asana", "notion")), programs
    assert all(contact["user"] not in ("", "system") for contact in told), told


def test_a_socket_that_is_closed_before_it_is_looked_at_is_named_by_the_kernels_note(place):
    require_root("nsenter", "setpriv")
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    with Machine() as machine:
        machine.plug_in("wire0", 1)
        sh("ip", "-n", machine.near, "link", "set", "lo", "up")  # over which the agent tries the notes
        # `ip netns exec` would put a /sys without control groups over the machine's.
        agent = Confined(place, "ws", by=["nsenter", f"--net=/run/netns/{machine.near}"])
        agent.is_running()
        if refused := re.search(r"attribute.senders_not_noted reason=(.*)", agent.log()):
            raise Skipped("the kernel notes no senders here: " + refused[1])
        agent.process.send_signal(signal.SIGSTOP)
        with machine.answering(1):
            client = subprocess.Popen(machine.client("trello.com", 1, CLOSE), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
            assert client.stdout.readline() == "closed\n"
            agent.process.send_signal(signal.SIGCONT)
            wait_until(lambda: told_of(place, "ws"), 60, "the agent to tell of the visit")
            client.communicate(timeout=60)
        agent.end()
    told = told_of(place, "ws")
    assert {contact["tool"] for contact in told} == {"trello"}, told
    assert all("python" in contact["program"] for contact in told), told
    assert all(contact["user"] not in ("", "system") for contact in told), told


def bare_root(place):
    """A folder with the agent, its libraries and its catalogue: no /etc, no /dev, no /sys, no shell."""
    root = place.path("root")
    program = place.binaries.resolve() / "gnomon-agent"
    wanted = [(program, "bin/gnomon-agent")]
    for line in sh("ldd", program).splitlines():
        if found := re.search(r"(/\S+) \(0x", line):
            wanted.append((pathlib.Path(found[1]), found[1].lstrip("/")))
    for name in ("catalogue.pack", "catalogue.trust"):
        share = program.parents[1] / "share" / "gnomon" / name
        if share.exists():
            wanted.append((share, f"share/gnomon/{name}"))
    for path, inside in wanted:
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / inside)
    (root / "proc").mkdir()
    return root


def test_a_bare_chroot_is_enough(place):
    require_root("unshare", "chroot", "mount", "ldd")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        raise Skipped("no mount namespace can be made here (in a chroot / must be a mount point)")
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    root = bare_root(place)
    shutil.copytree(place.path("ws"), root / "data", copy_function=shutil.copy2)
    # The program is the chroot's own: what place.start() adds is dropped by the shell.
    inside = f'mount -t proc proc "$0/proc" && shift && exec chroot "$0" /bin/gnomon-agent "$@"'
    agent = Confined(place, "bare", "--interfaces", "lo", data="/data",
                     by=["unshare", "--mount", "sh", "-c", inside, root])
    data = root / "data"
    agent.is_running(data)
    wait_until(lambda: "connected=1" in agent.status(data), 60, "the agent to be connected")
    confinement = re.search(r"^confinement=(.*)$", agent.status(data), re.MULTILINE)[1]
    assert "system calls by an allow-list; files by" in confinement, confinement
    agent.end()


def test_where_nothing_confines_it_the_agent_works_and_says_so(place):
    require_root()
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Confined(place, "ws", "--interfaces", "lo", by=["python3", HERE / "unsupported.py"])
    agent.is_running()
    wait_until(lambda: "connected=1" in agent.status(), 60, "the agent to be connected")
    text = status_of(place, "ws")
    assert "system calls not held, for this system does not do it" in text, text
    assert "files by their modes alone" in text, text
    # Rights need neither: they are gone all the same.
    for task in pathlib.Path(f"/proc/{agent.process.pid}/task").iterdir():
        rights = re.search(r"^CapEff:\s*(\w+)", (task / "status").read_text(), re.MULTILINE)[1]
        assert int(rights, 16) & (1 << 13 | 1 << 21) == 0, rights
    agent.end()


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
