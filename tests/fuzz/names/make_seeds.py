#!/usr/bin/env python3
"""Writes the seeds of the dns, tls, quic, http and sight fuzzers from our own recordings.

Run it after changing one of them. Needs tshark, and python3-cryptography for the QUIC payload.
"""
import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "corpus"
CAPTURES = HERE.parents[1] / "captures/own"


def payloads(capture, condition, field):
    """The payloads of the packets that tshark's filter names, in order."""
    done = subprocess.run(["tshark", "-r", CAPTURES / capture, "-Y", condition, "-T", "fields", "-e", field],
                          capture_output=True, text=True, check=True)
    return [bytes.fromhex(line.split(",")[0]) for line in done.stdout.split() if line]


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def flight(data, transport="tcp", flow=1, port=0, server=False, joined=False, end=False):
    what = (transport == "tcp") | server << 1 | joined << 2 | end << 3
    return struct.pack(">BBH", what, flow | port << 3, len(data)) + data


def hello(stream):
    """The first TLS record of a stream."""
    return stream[:5 + struct.unpack(">H", stream[3:5])[0]]


dns = payloads("dns-cname.pcap", "dns && udp", "udp.payload")
for number, message in enumerate(dns[:24]):
    write("dns", f"cname-{number:02}", message)
https = payloads("chromium-ech-real.pcap", "dns.resp.type == 65", "udp.payload")
write("dns", "https-with-ech", https[-1])
tcp_dns = b"".join(payloads("dns-tcp.pcap", "tcp.dstport == 53 && tcp.len > 0 && tcp.stream == 1", "tcp.payload"))
write("dns", "framed", tcp_dns)
write("dns", "pointer-to-itself", bytes.fromhex("000101000001000000000000c00c00010001"))
write("dns", "pointers-in-a-circle", bytes.fromhex("000101000002000000000000c00f000101c00c00010001"))

curl = payloads("curl.pcap", "tls.handshake.type == 1", "tcp.payload")
for number, stream in enumerate(curl):
    write("tls", f"curl-{number}", stream)
chromium = payloads("chromium-tcp-gso-single.pcap", "tls.handshake.type == 1", "tcp.payload")[0]
write("tls", "chromium-post-quantum", hello(chromium))
write("tls", "message-alone", hello(chromium)[5:])
message = hello(curl[0])[5:]
write("tls", "two-records", b"".join(
    b"\x16\x03\x01" + struct.pack(">H", len(part)) + part for part in (message[:40], message[40:])))
write("tls", "openssl-no-name", payloads("openssl-python.pcap", "tls.handshake.type == 1 && !tls.handshake.extensions_server_name", "tcp.payload")[0])

quic = payloads("chromium-quic.pcap", "quic.long.packet_type == 0 && udp.dstport == 443", "udp.payload")
for number, datagram in enumerate(quic[:4]):
    write("quic", f"chromium-initial-{number}", datagram)
server = payloads("chromium-quic.pcap", "quic.long.packet_type == 0 && udp.srcport == 443", "udp.payload")
write("quic", "server-coalesced", server[0])
write("quic", "frames", bytes.fromhex("0100020501010002030603036465660305010000010203060003616263 1c0a0603626164"))
write("quic", "retry", bytes.fromhex("f0000000010004aabbccdd0102030405060708"))
write("quic", "negotiation", bytes.fromhex("c00000000000006b3343cf"))

requests = {
    "get": b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nAccept: */*\r\n\r\n",
    "absolute": b"GET http://user@www.example.com:8080/x HTTP/1.1\r\nHost: proxy.example\r\n\r\n",
    "connect": b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n",
    "chunked": b"PUT / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1a;x=y\r\n" + b"x" * 26 +
               b"\r\n0\r\n\r\nPROPFIND / HTTP/1.0\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "sip": b"OPTIONS sip:bob@example.com SIP/2.0\r\nVia: x\r\n\r\n",
}
for name, data in requests.items():
    write("http", name, data)
    write("sight", f"http-{name}", flight(data[:9]) + flight(data[9:]))

write("sight", "tls-in-two", flight(chromium[:700]) + flight(chromium[700:]))
write("sight", "tls-in-tunnel", flight(requests["connect"]) + flight(curl[0]))
write("sight", "tls-after-starttls", flight(b"EHLO a\r\n") + flight(b"STARTTLS\r\n") + flight(curl[0], end=True))
write("sight", "tls-from-the-server", flight(curl[0], server=True, joined=True))
write("sight", "dns", b"".join(flight(m, "udp", 1, 1, n % 2 == 1) for n, m in enumerate(dns[:8])))
write("sight", "dns-tcp", flight(tcp_dns[:3], port=1) + flight(tcp_dns[3:], port=1))
write("sight", "ech", flight(https[-1], "udp", 1, 1, True) + flight(hello(chromium)))
write("sight", "quic", flight(quic[0], "udp") + flight(quic[1], "udp") + flight(server[0], "udp", server=True) +
      flight(quic[0], "udp", 2))
write("sight", "mdns", flight(dns[0], "udp", 3, 3))
