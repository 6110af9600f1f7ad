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
