"""Captures made of other captures: longer ones, and broken ones."""
import pathlib
import struct

OWN = pathlib.Path(__file__).resolve().parents[1] / "captures" / "own"

# Ethernet recordings whose packets can follow one another in one file.
PARTS = ["signup-story.pcap", "chromium-tcp-pq-split.pcap", "analytics-embed-only.pcap", "curl.pcap",
         "chromium-quic.pcap", "analytics-console.pcap", "openssl-python.pcap",
         "chromium-https-rr-h3.pcap"]


def packets(path):
    """Yields (seconds, fraction, header rest, bytes) of a little-endian pcap file."""
    data = path.read_bytes()
    assert struct.unpack("<I", data[:4])[0] in (0xa1b2c3d4, 0xa1b23c4d), path
    at = 24
    while at < len(data):
        seconds, fraction, held, wire = struct.unpack("<IIII", data[at:at + 16])
        yield seconds, fraction, wire, data[at + 16:at + 16 + held]
        at += 16 + held


def history(path, rounds, gap_s=1200):
    """Writes one capture that repeats all recordings, `gap_s` apart: hours of one workstation."""
    header = (OWN / PARTS[0]).read_bytes()[:24]
    when = 1_780_000_000
    with path.open("wb") as out:
        out.write(header)
        for _ in range(rounds):
            for part in PARTS:
                first = None
                for seconds, fraction, wire, payload in packets(OWN / part):
                    first = seconds if first is None else first
                    out.write(struct.pack("<IIII", when + seconds - first, fraction, len(payload),
                                          wire) + payload)
                when += gap_s
    return path


def hello(name):
    """The first flight of a browser that asks for `name` (RFC 8446, section 4.1.2)."""
    name = name.encode()
    sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    alpn = struct.pack(">HHHB", 16, 5, 3, 2) + b"h2"
    extensions = sni + alpn
    body = (b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", 4) + b"\x13\1\x13\2" + b"\1\0"
            + struct.pack(">H", len(extensions)) + extensions)
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(message)) + message


def visits(path, hosts, gap_s=60):
    """Writes one capture in which the hosts are opened, one after the other, `gap_s` apart."""
    mac = bytes.fromhex("020202020202040404040404")
    client, server = b"\xc0\x00\x02\x07", b"\xc6\x33\x64\x03"
    when = 1_780_000_000

    def frame(source, to, ports, sequence, flags, payload=b""):
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence, 1, 0x50, flags, 65535, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, source, to)
        return mac + b"\x08\0" + ip + tcp

    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for number, host in enumerate(hosts):
            port = 40000 + number
            for step, packet in enumerate([
                    frame(client, server, (port, 443), 1000, 0x02),
                    frame(server, client, (443, port), 5000, 0x12),
                    frame(client, server, (port, 443), 1001, 0x18, hello(host))]):
                out.write(struct.pack("<IIII", when + number * gap_s, step * 1000, len(packet),
                                      len(packet)) + packet)
    return path
