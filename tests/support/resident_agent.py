"""A real agent on an interface of its own, and how much memory it keeps resident. Needs root and ip."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ETHERNET = 1
# Frames a second that are played: a busy machine shows its agent a few hundred.
RATE = 2000


def frames_of(path):
    """The frames of a little-endian Ethernet pcap; nothing of other files."""
    data = path.read_bytes()
    if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") or struct.unpack("<I", data[20:24])[0] != ETHERNET:
        return
    at = 24
    while at + 16 <= len(data):
        held = struct.unpack("<I", data[at + 8:at + 12])[0]
        yield data[at + 16:at + 16 + held]
        at += 16 + held


def hello_frames(host, number):
    """A SYN and a ClientHello to `host`, from a port of its own."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        pass
    addresses = bytes([192, 0, 2, 7, 198, 51, 100, 1 + number % 250])
    ports = struct.pack(">HH", 20000 + number % 40000, 443)
    for flags, sequence, payload in ((2, 1000, b""), (24, 1001, out.read())):
        tcp = ports + struct.pack(">IIBBHHH", sequence, 1, 0x50, flags, 65535, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + addresses
        yield b"\x02\0\0\0\0\x01" + b"\x02\0\0\0\0\x02" + b"\x08\0" + ip + tcp


def labelled_hosts():
    lines = (ROOT / "tests/catalogue/labelled-hosts.tsv").read_text().splitlines()[1:]
    return [line.split("\t")[0] for line in lines if line and not line.startswith("#")]


class ResidentAgent:
    """Collector and agent in a network namespace of their own; `pack` has its trust file beside it."""

    def __init__(self, binaries, folder, pack=None, name="gnmem"):
        self.binaries = pathlib.Path(binaries)
        self.folder = pathlib.Path(folder)
        self.rules = ["--rules", pack, "--trust", f"{pack}.trust"] if pack else []
        self.namespace = f"{name}{os.getpid()}"
        self.processes = []

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self._ip("netns", "add", self.namespace)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
        subprocess.run(["ip", "netns", "delete", self.namespace], stderr=subprocess.DEVNULL)

    def _ip(self, *words):
        subprocess.run(["ip", *map(str, words)], check=True, stdout=subprocess.DEVNULL)

    def _inside(self, program, *words):
        # `ip netns exec` would put a /sys without control groups over the machine's, and the agent would do with less.
        return ["nsenter", f"--net=/run/netns/{self.namespace}", str(self.binaries / program), *map(str, words)]

    def _call(self, program, *words):
        done = subprocess.run(self._inside(program, *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _launch(self, program, *words):
        log = open(self.folder / f"{program}.log", "ab")
        self.processes.append(subprocess.Popen(self._inside(program, *words), stdin=subprocess.DEVNULL, stdout=log,
                                               stderr=log))
        return self.processes[-1]

    def _start(self):
        for end in ("up0", "lo"):
            if end == "up0":
                self._ip("-n", self.namespace, "link", "add", "up0", "type", "veth", "peer", "name", "far0")
                self._ip("-n", self.namespace, "link", "set", "far0", "up")
            self._ip("-n", self.namespace, "link", "set", end, "up")
        collector = self.folder / "collector"
        self._launch("gnomon-collector", "serve", "--data", collector, "--listen", "127.0.0.1:0", "--enrol",
                     "127.0.0.1:0", "--http", "127.0.0.1:0", *self.rules)
        ports = json.loads(self._await(lambda: (collector / "ports.json").read_text(), "the collector"))
        token = self._call("gnomon", "admin", "token", "create", "--data", collector, "--quiet").strip()
        data = self.folder / "agent"
        self._call("gnomon-agent", "enrol", "--data", data, "--token", token, "--collector",
                   f"127.0.0.1:{ports['enrol']}")
        self.agent = self._launch("gnomon-agent", "run", "--data", data, "--interfaces", "up0", *self.rules)
        self.status = data / "status"
        self._await(lambda: "connected=1" in self.status.read_text() or None, "the agent to be connected")

    def _await(self, look, what):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if value := look():
                    return value
            except FileNotFoundError:
                pass
            assert all(process.poll() is None for process in self.processes), what
            time.sleep(0.05)
        raise AssertionError(f"waited for {what}")

    def play(self):
        """Sends the frames of tests/captures and a hello to every labelled host, as this machine's own."""
        frames = [frame for path in sorted((ROOT / "tests/captures").rglob("*.pcap")) for frame in frames_of(path)]
        for number, host in enumerate(labelled_hosts()):
            frames += hello_frames(host, number)
        sender = f"import socket,sys,struct,time\ns=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('up0',0))\n" \
                 f"d=sys.stdin.buffer.read();a=0;n=0\nwhile a<len(d):\n" \
                 f"  k=struct.unpack('<I',d[a:a+4])[0];s.send(d[a+4:a+4+k]);a+=4+k;n+=1\n" \
                 f"  n%20 or time.sleep(20/{RATE})\n"
        stream = b"".join(struct.pack("<I", len(frame)) + frame for frame in frames if len(frame) <= 1514)
        subprocess.run(["ip", "netns", "exec", self.namespace, "python3", "-c", sender], input=stream, check=True)
        # Two turns of the status file: what was played has gone through all rooms.
        seen = self.status.stat().st_mtime_ns
        for _ in range(2):
            self._await(lambda: self.status.stat().st_mtime_ns != seen or None, "the agent to write its status")
            seen = self.status.stat().st_mtime_ns

    def report(self):
        """KiB resident, by kind and by mapping."""
        pid = self.agent.pid  # `ip netns exec` becomes the program
        status = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
        rollup = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(),
                                 re.MULTILINE))
        mappings, name = {}, ""
        for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
            head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
            if head:
                name = pathlib.PurePath(head.group(1)).name or "anonymous"
                name = "capture ring" if name.startswith("socket:") else name
            elif line.startswith("Rss:"):
                mappings[name] = mappings.get(name, 0) + int(line.split()[1])
        largest = dict(sorted(mappings.items(), key=lambda item: -item[1])[:10])
        return {"rss_kib": int(status["VmRSS"]), "anonymous_kib": int(status["RssAnon"]),
                "file_kib": int(status["RssFile"]), "shared_kib": int(rollup["Shared_Clean"]), "largest": largest}

    def tools_seen(self):
        """Ends the agent, and tells how many tools it has reported: that it saw what was played."""
        self.agent.send_signal(signal.SIGTERM)
        assert self.agent.wait(timeout=30) == 0
        told = self._call("gnomon-agent", "explain", "--json", "--data", self.folder / "agent")
        return len({json.loads(line)["tool"] for line in told.splitlines() if line.strip()})
