"""The name server of the lab: UDP and TCP, A, AAAA, HTTPS records, CNAME chains. Knows the world and nothing else:
other names get an address of the web server, so that no look-up ever leaves the machine.

    dns.py dns.json

LAB_DNS_DELAY_MS: how long an answer over UDP is kept back, as if it came from farther away.
"""
import hashlib
import json
import os
import socket
import struct
import sys
import threading

CONFIG = json.load(open(sys.argv[1]))
HOSTS = CONFIG["hosts"]
DELAY_S = float(os.environ.get("LAB_DNS_DELAY_MS", "0")) / 1000
TTL = 60
NXDOMAIN = {"wpad", "wpad.acme-corp.example"}


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def facts(name):
    known = HOSTS.get(name)
    if known:
        return known
    n = 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 90
    return {"a": f"198.18.0.{n}", "aaaa": None, "cname": None, "https": False}


def answer(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin1"))
        at += 1 + query[at]
    qtype, _ = struct.unpack("!HH", query[at + 1:at + 5])
    end = at + 5
    name = ".".join(labels).lower()
    question = query[12:end]
    if name in NXDOMAIN or "." not in name:
        return query[:2] + struct.pack("!HHHHH", 0x8183, 1, 0, 0, 0) + question
    records, owner, known, hops = [], name, facts(name), 0
    while known["cname"] and hops < 4:
        target = known["cname"]
        records.append((owner, 5, encode(target)))
        owner, hops = target, hops + 1
        if target not in HOSTS:
            break
        known = HOSTS[target]
    if qtype == 1:
        records.append((owner, 1, socket.inet_aton(known["a"])))
    elif qtype == 28 and known["aaaa"]:
        records.append((owner, 28, socket.inet_pton(socket.AF_INET6, known["aaaa"])))
    elif qtype == 65 and known["https"]:
        alpn = b"\x02h2"
        records.append((owner, 65, struct.pack("!H", 1) + b"\0" + struct.pack("!HH", 1, len(alpn)) + alpn))
    body = b"".join(encode(o) + struct.pack("!HHIH", t, 1, TTL, len(d)) + d for o, t, d in records)
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + question + body


def serve_udp(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, 53))
    while True:
        query, peer = sock.recvfrom(4096)
        try:
            reply = answer(query)
        except (IndexError, struct.error, UnicodeError):
            continue
        if DELAY_S:
            threading.Timer(DELAY_S, sock.sendto, (reply, peer)).start()
        else:
            sock.sendto(reply, peer)


def serve_connection(connection):
    data = b""
    with connection:
        while True:
            piece = connection.recv(4096)
            if not piece:
                return
            data += piece
            while len(data) >= 2 and len(data) >= 2 + struct.unpack("!H", data[:2])[0]:
                size = struct.unpack("!H", data[:2])[0]
                reply = answer(data[2:2 + size])
                connection.sendall(struct.pack("!H", len(reply)) + reply)
                data = data[2 + size:]


def serve_tcp(address):
    sock = socket.create_server((address, 53))
    while True:
        connection, _ = sock.accept()
        threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


for listen in CONFIG["listen"]:
    threading.Thread(target=serve_udp, args=(listen,), daemon=True).start()
    threading.Thread(target=serve_tcp, args=(listen,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
