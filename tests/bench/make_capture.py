#!/usr/bin/env python3
"""Makes a large, realistic capture: make_capture.py FILE MEGABYTES

A quarter of it are real packets of the captures in GNOMON_CAPTURES (default ../shared/captures),
again and again with other addresses so that flows stay apart; the rest is bulk data of synthetic
downloads, uploads and QUIC streams, each begun by a hello, one in eight inside a VLAN, a QinQ pair,
PPPoE, MPLS, GRE or VXLAN. Without captures all of it is synthetic. The same arguments and captures
give the same file.
"""
import os
import pathlib
import random
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
REAL_SHARE = 0.27
MAC = bytes.fromhex("020202020202040404040404")


def captures():
    folder = pathlib.Path(os.environ.get("GNOMON_CAPTURES", ROOT.parent / "shared" / "captures"))
    return sorted(folder.glob("public/pcaps/*.pcap")) + sorted(folder.glob("own/*.pcap"))


def real_packets():
    """Frames of Ethernet captures with plain IP, as (frame, offset of the addresses, their size)."""
    found = []
    for path in captures():
        data = path.read_bytes()
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(data[:4])
        if order is None or struct.unpack_from(order + "I", data, 20)[0] & 0xffff != 1:
            continue
        at = 24
        while at + 16 <= len(data):
            size, wire = struct.unpack_from(order + "II", data, at + 8)
            frame = data[at + 16:at + 16 + size]
            at += 16 + size
            if len(frame) != wire or len(frame) < 54 or len(frame) > 65000:
                continue
            kind = struct.unpack_from(">H", frame, 12)[0]
            if kind == 0x0800:
                found.append((frame, 26, 4))
            elif kind == 0x86dd:
                found.append((frame, 22, 16))
    return found


def address_again(frame, at, size, round_):
    """The same frame between other hosts."""
    change = round_ & 0xffffff
    out = bytearray(frame)
    for start in (at, at + size):
        for i in range(3):
            out[start + i + (0 if size == 4 else 3)] ^= (change >> (8 * i)) & 0xff
    return bytes(out)


def ipv4(protocol, source, to, payload):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0x4000, 64, protocol, 0, source, to) + payload


def tcp(source, to, sequence, flags, payload=b""):
    return struct.pack(">HHIIBBHHH12x", source, to, sequence & 0xffffffff, 1, 0x80, flags, 65535, 0, 0) + payload


def udp(source, to, payload):
    return struct.pack(">HHHH", source, to, 8 + len(payload), 0) + payload


def ether(kind, payload):
    return MAC + struct.pack(">H", kind) + payload


WRAPPINGS = [
    lambda ip: ether(0x8100, struct.pack(">HH", 5, 0x0800) + ip),
    lambda ip: ether(0x88a8, struct.pack(">HHHH", 5, 0x8100, 6, 0x0800) + ip),
    lambda ip: ether(0x8864, b"\x11\0\0\1" + struct.pack(">HH", len(ip) + 2, 0x0021) + ip),
    lambda ip: ether(0x8847, b"\0\1\1\x40" + ip),
    lambda ip: ether(0x0800, ipv4(47, b"\x0a\1\1\1", b"\x0a\1\1\2", b"\0\0\x08\0" + ip)),
    lambda ip: ether(0x0800, ipv4(17, b"\x0a\1\1\1", b"\x0a\1\1\2",
                                  udp(40000, 4789, b"\x08\0\0\0\0\0\1\0" + ether(0x0800, ip)))),
]


def hello(name):
    name = name.encode()
    sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    filler = struct.pack(">HH", 21, 400) + bytes(400)
    extensions = sni + filler
    body = b"\3\3" + bytes(32) + b"\0" + struct.pack(">H", 4) + b"\x13\1\x13\2" + b"\1\0" \
        + struct.pack(">H", len(extensions)) + extensions
    message = b"\1" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack(">H", len(message)) + message


def stream(number, chance):
    """Frames of one synthetic transfer: some hundred segments behind a hello."""
    client = struct.pack(">I", 0x0a400000 + number % 0x3fffff)
    server = struct.pack(">I", 0xc6120000 + chance.randrange(0x1ffff))
    port = 20000 + number % 40000
    wrap = WRAPPINGS[number // 8 % len(WRAPPINGS)] if number % 8 == 0 else lambda ip: ether(0x0800, ip)
    up = lambda sequence, flags, data=b"": wrap(ipv4(6, client, server, tcp(port, 443, sequence, flags, data)))
    down = lambda sequence, flags, data=b"": wrap(ipv4(6, server, client, tcp(443, port, sequence, flags, data)))
    body = chance.randbytes(1448)
    segments = chance.randrange(100, 900)
    kind = number % 5
    if kind == 4:
        data = b"\x41" + chance.randbytes(1249)
        for _ in range(segments):
            yield wrap(ipv4(17, server, client, udp(443, port, data)))
        return
    here, there = chance.getrandbits(32), chance.getrandbits(32)
    yield up(here, 2)
    yield down(there, 0x12)
    greeting = hello(f"host{number}.example.com")
    yield up(here + 1, 0x18, greeting)
    bulk, ack = (up, down) if kind == 3 else (down, up)
    sequence = (here + 1 + len(greeting)) if kind == 3 else there + 1
    for i in range(segments):
        yield bulk(sequence, 0x10, body)
        sequence += len(body)
        if i % 2:
            yield ack(1, 0x10)


def main():
    path, megabytes = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(20261122)
    real = real_packets()
    if not real:
        print("no captures: all of it is synthetic", file=sys.stderr)
    total, written, packets, done = megabytes * 1_000_000, 24, 0, 0
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    active, number, round_, next_real = [], 0, 0, 0
    with open(unfinished, "wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        while written < total:
            batch = []
            if real and done < written * REAL_SHARE:
                for _ in range(64):
                    frame, at, size = real[next_real]
                    batch.append(address_again(frame, at, size, round_))
                    next_real += 1
                    if next_real == len(real):
                        next_real, round_ = 0, round_ + 1
                done += sum(map(len, batch))
            else:
                while len(active) < 200:
                    active.append(stream(number, chance))
                    number += 1
                pick = chance.randrange(len(active))
                for _ in range(chance.randrange(1, 24)):
                    frame = next(active[pick], None)
                    if frame is None:
                        del active[pick]
                        break
                    batch.append(frame)
            for frame in batch:
                out.write(struct.pack("<IIII", 1_790_000_000 + packets // 20000, packets % 20000 * 50,
                                      len(frame), len(frame)))
                out.write(frame)
                written += 16 + len(frame)
                packets += 1
    unfinished.rename(path)
    print(f"{path}: {written} bytes, {packets} packets, {number} synthetic flows", file=sys.stderr)


if __name__ == "__main__":
    main()
