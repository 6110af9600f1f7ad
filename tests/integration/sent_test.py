#!/usr/bin/env python3
"""What leaves the machine: contacts with catalogued tools, and nothing else of what was seen.

    tests/integration/sent_test.py --bin build/release/bin [TEST...]

The spool holds the very bytes that are sent, sealed (agent/spool/FORMAT.md, agent/spool_key.h). They are opened here, with
what Python and libcrypto know of HKDF (RFC 5869) and AES-256-GCM, unpacked and searched.
"""
import ctypes
import ctypes.util
import getpass
import hashlib
import hmac
import pathlib
import socket
import struct
import sys

import made
from collector_test import Collector
from programs import Skipped
from replay_test import contacts, main, replay

DAY = 1_794_820_200
KNOWN = ["trello.com", "id.atlassian.com", "ws.trello.com", "app.asana.com", "acme.zendesk.com", "www.figma.com",
         "js.stripe.com", "www.googletagmanager.com"]
OTHER_SUFFIXES = ["com", "net", "de", "co.uk", "io", "local.example", "internal"]


def secret_names(count):
    """Names that no catalogue has and no word of the program holds."""
    names = []
    for i in range(count):
        label = "zq" + hashlib.sha256(b"secret%d" % i).hexdigest()[:14]
        names.append(f"{'www.' if i % 3 else ''}{label}.{OTHER_SUFFIXES[i % len(OTHER_SUFFIXES)]}")
    return names


def zstd():
    found = ctypes.util.find_library("zstd")
    if not found:
        raise Skipped("libzstd is not installed")
    library = ctypes.CDLL(found)
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    library.ZSTD_decompress.restype = ctypes.c_size_t
    return library


def key_of(folder):
    """The key of the spool in a data folder, on this machine."""
    try:
        machine = pathlib.Path("/etc/machine-id").read_bytes().rstrip(b"\n ")
    except FileNotFoundError:
        machine = b""
    extracted = hmac.digest(machine, (folder / "spool.key").read_bytes(), "sha256")
    return hmac.digest(extracted, b"gnomon spool, key file\x01", "sha256")


def unsealed(key, sealed, context):
    """Opens nonce, ciphertext and tag; the context is what the record stands for."""
    name = ctypes.util.find_library("crypto")
    if not name:
        raise Skipped("libcrypto is not installed")
    crypto = ctypes.CDLL(name)
    crypto.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
    crypto.EVP_aes_256_gcm.restype = ctypes.c_void_p
    cipher = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    nonce, body, tag = sealed[:12], sealed[12:-16], sealed[-16:]
    plain, size = ctypes.create_string_buffer(len(body) + 16), ctypes.c_int()
    opened = (
        crypto.EVP_DecryptInit_ex(cipher, ctypes.c_void_p(crypto.EVP_aes_256_gcm()), None, key, nonce) == 1
        and crypto.EVP_DecryptUpdate(cipher, None, ctypes.byref(size), context, len(context)) == 1
        and crypto.EVP_DecryptUpdate(cipher, plain, ctypes.byref(size), body, len(body)) == 1
        and crypto.EVP_CIPHER_CTX_ctrl(cipher, 0x11, 16, tag) == 1  # EVP_CTRL_AEAD_SET_TAG
        and crypto.EVP_DecryptFinal_ex(cipher, ctypes.byref(ctypes.create_string_buffer(16)),
                                       ctypes.byref(size)) == 1)
    crypto.EVP_CIPHER_CTX_free(cipher)
    assert opened, "a record does not open with the machine's key"
    return plain.raw[:len(body)]


def payloads(spool):
    """Returns the plain bytes of every batch in a spool."""
    library, found, key = zstd(), [], key_of(spool.parent)
    for segment in sorted(spool.glob("*.seg")):
        data, at = segment.read_bytes(), 40
        epoch = struct.unpack("!Q", data[8:16])[0]
        while at + 48 <= len(data):
            magic, length, first, last, _, _, flags = struct.unpack("!4sIQQQIH", data[at:at + 38])
            assert magic == b"\xb7GnR" and flags & 1 == 1, (segment, at)
            packed = unsealed(key, data[at + 48:at + 48 + length], b"%016x%016x%016x" % (epoch, first, last))
            size = library.ZSTD_getFrameContentSize(packed, ctypes.c_size_t(len(packed)))
            plain = ctypes.create_string_buffer(size)
            assert library.ZSTD_decompress(plain, ctypes.c_size_t(size), packed, ctypes.c_size_t(len(packed))) == size
            found.append(plain.raw)
            at += 48 + length
    return found


def forbidden(names):
    """Returns everything that must not be in what is sent: names and their labels, addresses, people, machines."""
    needles = {name.encode() for name in names} | {max(name.split("."), key=len).encode() for name in names}
    for address in [made.CLIENT, made.RESOLVER, *map(made.address_of, names[:200]), *map(made.address_of, KNOWN)]:
        needles |= {str(address).encode(), address.packed}
    needles |= {getpass.getuser().encode() + b"@", socket.gethostname().encode()}
    return {needle for needle in needles if len(needle) >= 4}


def write_day(path, names):
    """A day on which every third contact is with a catalogued tool."""
    with made.Capture(path) as capture:
        for i, name in enumerate(names):
            when = DAY + i * 11
            capture.look_up(when, name)
            capture.greet(when + 0.05, name)
            capture.greet(when + 0.2, KNOWN[i % len(KNOWN)])
            capture.look_up(when + 0.3, "api." + name)
            # Names that only look like a tool's, and one below a tool's customers' domain.
            capture.greet(when + 5, f"trello.com.{name}")
            capture.greet(when + 5.1, f"{name.split('.')[-2]}-zendesk.com")
        # And somebody signs in, with no other page beside it: the reasons name the sign-in's host.
        evening = DAY + len(names) * 11 + 60
        capture.greet(evening, "id.atlassian.com")
        capture.greet(evening + 20, "trello.com")


def search(batches, needles):
    return sorted({needle for needle in needles for batch in batches if needle in batch})


def test_nothing_but_catalogued_tools_is_in_what_is_sent(place):
    names = secret_names(1200)
    write_day(place.path("day.pcap"), names)
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    status, _, errors = place.run("gnomon-agent", "replay", "--log-level", "warn", "--data", place.path("ws"),
                                  place.path("day.pcap"), timeout=300)
    assert status == 0, errors
    batches = payloads(place.path("ws") / "spool")
    assert len(batches) > 20, len(batches)
    # The search finds what is there ...
    assert all(any(tool in batch for batch in batches) for tool in (b"trello", b"asana", b"id.atlassian.com"))
    # ... and nothing of what must not be.
    found = search(batches, forbidden(names))
    assert not found, found[:5]
    told = str(collector.contacts()).encode()
    assert b"trello" in told and not search([told], {n for n in forbidden(names) if len(n) > 4})


def test_hosts_in_the_reasons_are_all_catalogued(place):
    names = secret_names(300)
    write_day(place.path("day.pcap"), names)
    status, _, errors = replay(place, "ws", place.path("day.pcap"))
    assert status == 0, errors
    hosts = {line["host"] for contact in contacts(place, "ws") for line in contact["evidence"] if line["host"]}
    assert hosts and hosts <= set(KNOWN), hosts - set(KNOWN)


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
