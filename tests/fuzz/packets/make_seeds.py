#!/usr/bin/env python3
"""Writes the seeds of the packet, capture_file and flow fuzzers. Run it after changing one of them."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "corpus"
LINKS = [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 109, 113, 119, 127, 163, 192, 204, 228, 229, 239, 276]


def tcp(payload=b"\x16\x03\x01\x00\x05\x01hello", sequence=1000, flags=0x18):
    return struct.pack(">HHIIBBHHH", 50000, 443, sequence, 0, 0x50, flags, 65535, 0, 0) + payload


def udp(source, to, payload):
    return struct.pack(">HHHH", source, to, 8 + len(payload), 0) + payload


def ipv4(protocol, payload, fragment=0, identifier=7):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identifier, fragment, 64, protocol, 0,
                       b"\x0a\0\0\1", b"\x0a\0\0\2") + payload


def ipv6(following, payload):
    return struct.pack(">IHBB", 0x60000000, len(payload), following, 64) + b"\x20\x01" + bytes(13) + b"\1" \
        + b"\x20\x01" + bytes(13) + b"\2" + payload


def ether(kind, payload):
    return bytes(12) + struct.pack(">H", kind) + payload


def vlan(kind, payload):
    return struct.pack(">HH", 100, kind) + payload


V4, V6 = ipv4(6, tcp()), ipv6(6, tcp())
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0" + V4
WIFI = b"\x88\x01" + bytes(22) + b"\0\0" + SNAP
FRAME = ether(0x0800, V4)
WHOLE = udp(53, 50000, bytes(range(64)))
PACKETS = {
    "ethernet": [(1, FRAME), (1, ether(0x86dd, V6))],
    "ethernet_snap": [(1, ether(len(SNAP), SNAP))],
    "vlan": [(1, ether(0x8100, vlan(0x0800, V4)))],
    "vlan_three": [(1, ether(0x9100, vlan(0x88a8, vlan(0x8100, vlan(0x86dd, V6)))))],
    "pppoe": [(1, ether(0x8864, b"\x11\0\0\1\0\0\0\x21" + V4)), (51, b"\x11\0\0\1\0\0\0\x57" + V6)],
    "mpls": [(1, ether(0x8847, b"\0\1\0\x40\0\1\1\x40" + V4)), (1, ether(0x8847, b"\0\1\1\x40\0\0\0\0" + FRAME))],
    "sll": [(113, bytes(14) + b"\x08\0" + V4), (276, b"\x86\xdd" + bytes(18) + V6)],
    "loopback": [(0, b"\2\0\0\0" + V4), (108, b"\0\0\0\x1e" + V6), (109, b"\0\0\0\2" + bytes(8) + V4)],
    "raw": [(101, V4), (12, V6), (14, V4), (228, V4), (229, V6)],
    "ppp": [(9, b"\xff\3\0\x21" + V4), (50, b"\x0f\0\x08\0" + V4), (104, b"\x0f\0\x08\0" + V4), (204, b"\0\0\x57" + V6)],
    "wifi": [(105, WIFI), (127, b"\0\0\x08\0\0\0\0\0" + WIFI), (119, b"\x44\0\0\0\x08\0\0\0" + WIFI)],
    "ppi_nflog": [(192, b"\0\0\x08\0\1\0\0\0" + FRAME), (239, b"\2\0\0\0" + struct.pack("<HH", len(V4) + 4, 9) + V4)],
    "options": [(101, b"\x47" + V4[1:20] + b"\1" * 8 + V4[20:])],
    "extensions": [(101, ipv6(0, b"\x3c\0\1\4\0\0\0\0" + b"\x2b\0\1\4\0\0\0\0" + b"\x06\0\0\0\0\0\0\0" + tcp()))],
    "fragments_v4": [(101, ipv4(17, WHOLE[:24], 0x2000)), (101, ipv4(17, WHOLE[48:], 6)), (101, ipv4(17, WHOLE[24:48], 0x2003))],
    "fragments_v6": [(101, ipv6(44, b"\x11\0" + struct.pack(">HI", 24, 9) + WHOLE[24:])),
                     (101, ipv6(44, b"\x11\0" + struct.pack(">HI", 1, 9) + WHOLE[:24]))],
    "fragments_overlap": [(101, ipv4(17, WHOLE[:24], 0x2000)), (101, ipv4(17, WHOLE[16:], 2))],
    "gre": [(101, ipv4(47, b"\0\0\x08\0" + V4)), (101, ipv4(47, b"\x10\0\x88\xbe" + bytes(12) + FRAME)),
            (101, ipv4(47, b"\x30\x81\x88\x0b" + bytes(12) + b"\x21" + V4))],
    "ip_in_ip": [(101, ipv4(4, ipv4(41, ipv6(4, V4)))), (101, ipv4(97, b"\x30\0" + FRAME))],
    "vxlan_geneve": [(101, ipv4(17, udp(4, 4789, b"\x08\0\0\0\0\0\1\0" + FRAME))),
                     (101, ipv4(17, udp(4, 6081, b"\1\0\x65\x58\0\0\1\0abcd" + FRAME)))],
    "gtp_teredo_l2tp": [(101, ipv4(17, udp(2152, 2152, b"\x34\xff\0\x60\0\0\0\1\0\0\0\x85\1\0\x09\0" + V4))),
                        (101, ipv4(17, udp(3544, 5, b"\0\1\0\0" + bytes(9) + b"\0\0" + bytes(6) + V6))),
                        (101, ipv4(17, udp(1701, 1701, b"\0\2\0\1\0\2\xff\3\0\x21" + V4)))],
}


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


for name, packets in PACKETS.items():
    write("packet", name, b"".join(bytes([LINKS.index(link)]) + struct.pack(">H", len(data)) + data
                                   for link, data in packets))


def pcap(order, magic, minor=4, extra=b""):
    out = struct.pack(order + "IHHiIII", magic, 2, minor, 0, 0, 65535, 1)
    for packet in (FRAME, b"", FRAME[:20]):
        lengths = (len(packet), len(packet) + 3)
        out += struct.pack(order + "IIII", 1700000000, 5, *(lengths if minor > 2 else lengths[::-1])) + extra + packet
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def pcapng(order):
    packet = FRAME[:60]
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", 1, 0, 40) + struct.pack(order + "HHB3x", 9, 1, 9)
                 + struct.pack(order + "HHq", 14, 8, -3) + bytes(4))
    out += block(order, 1, struct.pack(order + "HHI", 101, 0, 0) + struct.pack(order + "HHB3x", 9, 1, 0x8a))
    out += block(order, 6, struct.pack(order + "IIIII", 1, 0, 5, len(packet), 99) + packet)
    out += block(order, 3, struct.pack(order + "I", 60) + packet[:40])
    out += block(order, 2, struct.pack(order + "HHIIII", 0, 3, 1, 2, len(packet), 61) + packet)
    return out + block(order, 5, bytes(20))


for name, data in {
    "pcap_little": pcap("<", 0xa1b2c3d4), "pcap_big_nano": pcap(">", 0xa1b23c4d),
    "pcap_modified": pcap("<", 0xa1b2cd34, extra=bytes(8)), "pcap_old": pcap("<", 0xa1b2c3d4, minor=2),
    "pcap_cut": pcap("<", 0xa1b2c3d4)[:-3], "pcapng_little": pcapng("<"), "pcapng_big": pcapng(">"),
    "pcapng_two_sections": pcapng(">") + pcapng("<"), "pcapng_cut": pcapng("<")[:-30],
}.items():
    write("capture_file", name, data)


def flow(appetite, *segments):
    return bytes([appetite]) + struct.pack(">I", 0xffffff00) + b"".join(
        struct.pack(">BHHB", *segment) for segment in segments)


SYN = (16, 0, 0, 0)
for name, data in {
    "in_order": flow(0, SYN, (0, 0, 1000, 0), (0, 1000, 1000, 0)),
    "reversed": flow(0, SYN, (0, 1000, 1000, 0), (0, 500, 500, 0), (0, 0, 500, 0)),
    "no_syn_reversed": flow(0, (0, 50, 100, 0), (0, 0, 50, 0)),
    "late_syn": flow(128, (0, 100, 50, 0), SYN, (0, 0, 120, 0)),
    "hole_and_patience": flow(255, SYN, (0, 0, 100, 0), (0, 500, 900, 0), (0, 1400, 900, 255)),
    "beyond_the_window": flow(0, SYN, (0, 0, 2999, 0), (0, 20000, 2999, 0), (0, 37000, 2999, 0)),
    "data_in_syn": flow(255, (48, 0, 700, 0), (0, 700, 700, 0)),
    "both_sides_and_udp": flow(16, SYN, (64, 9, 300, 0), (0, 0, 300, 0), (12, 5, 500, 0), (76, 5, 500, 0)),
    "flood": flow(0, *[(16 + i % 4, 0, 0, 0) for i in range(8)], *[(i % 4, 9 * i, 50, 9) for i in range(40)]),
}.items():
    write("flow", name, data)
