"""Captures made from names: what a browser puts on the wire to look up a host and to greet it, and nothing else.

Used where a recording would be too large to keep, or where the names must be known to be nobody's.
"""
import hashlib
import ipaddress
import struct

CLIENT = ipaddress.ip_address("10.66.1.10")
RESOLVER = ipaddress.ip_address("10.66.0.1")
ETHERNET = bytes.fromhex("020000000001020000000002" + "0800")
GLOBAL_HEADER = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)
BROWSER = (["h2", "http/1.1"], "grease", 15)
SCRIPT = (["http/1.1"], "none", 31)


def address_of(host):
    """Returns an address of the benchmarking network (RFC 2544) that belongs to the name."""
    number = int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big") % (1 << 17)
    return ipaddress.ip_address("198.18.0.0") + number


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ip_packet(source, target, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0, source.packed, target.packed)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return ETHERNET + head + payload


def tcp(source, source_port, target, target_port, sequence, ack, flags, payload=b""):
    return ip_packet(source, target, 6, struct.pack("!HHIIBBHHH", source_port, target_port, sequence, ack, 0x50, flags, 64240,
                                                    0, 0) + payload)


def question(host, number):
    name = b"".join(bytes([len(label)]) + label.encode() for label in host.split(".")) + b"\0"
    message = struct.pack("!HHHHHH", number & 0xffff, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
    port = 20000 + number % 40000
    return ip_packet(CLIENT, RESOLVER, 17, struct.pack("!HHHH", port, 53, 8 + len(message), 0) + message)


def extension(number, body):
    return struct.pack("!HH", number, len(body)) + body


def client_hello(host, facts=BROWSER):
    """A TLS 1.3 ClientHello (RFC 8446, section 4.1.2) with the name, the ALPN list and as many ciphers as asked."""
    alpn, ech, ciphers = facts
    name = host.encode()
    protocols = b"".join(bytes([len(p)]) + p.encode() for p in alpn)
    parts = [extension(0, struct.pack("!HBH", len(name) + 3, 0, len(name)) + name),
             extension(16, struct.pack("!H", len(protocols)) + protocols),
             extension(43, bytes([2]) + b"\x03\x04"),
             extension(10, struct.pack("!HH", 2, 29)),
             extension(13, struct.pack("!HH", 2, 0x0403))]
    if ech != "none":
        parts.append(extension(0xfe0d, bytes(186)))
    extensions = b"".join(parts)
    suites = b"".join(struct.pack("!H", 0x1301 + i if i < 3 else 0xc000 + i) for i in range(ciphers))
    body = b"\x03\x03" + bytes(32) + b"\0" + struct.pack("!H", len(suites)) + suites + b"\x01\0"
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


class Capture:
    """Writes a pcap file of look-ups and hellos, in the order of their times (seconds since 1970)."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.out.write(GLOBAL_HEADER)
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.out.close()

    def packet(self, when, data):
        micros = round(when * 1e6)
        self.out.write(struct.pack("<IIII", micros // 1000000, micros % 1000000, len(data), len(data)) + data)

    def look_up(self, when, host):
        self.number += 1
        self.packet(when, question(host, self.number))

    def greet(self, when, host, facts=BROWSER):
        self.number += 1
        server, port, start = address_of(host), 20000 + self.number % 40000, self.number * 7919 & 0xffffff
        self.packet(when, tcp(CLIENT, port, server, 443, start, 0, 2))
        self.packet(when, tcp(server, 443, CLIENT, port, 77, start + 1, 0x12))
        hello = client_hello(host, facts)
        for at in range(0, len(hello), 1400):
            self.packet(when, tcp(CLIENT, port, server, 443, start + 1 + at, 78, 0x18, hello[at:at + 1400]))


def facts_of(head, line):
    alpn, ech, ja4 = head["hellos"][line["f"]] if "f" in line else (["h2"], "grease", "")
    ciphers = ja4[4:6]
    return alpn or ["http/1.1"], ech, int(ciphers) if ciphers.isdigit() and int(ciphers) > 0 else 15


def play(capture, head, lines, begin):
    """Writes one timeline from `begin` on; names seen over QUIC greet over TCP. Returns its last time."""
    when = begin
    for line in lines:
        when = begin + line["t"]
        if line["s"] == "dns":
            if "cn" not in line:
                capture.look_up(when, line["h"])
        else:
            capture.greet(when, line["h"], facts_of(head, line))
    return when
