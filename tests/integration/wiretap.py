"""A listener in the middle of one agent's connection that reads what is inside the encryption.

It has the keys of both sides, as only a test has them: it is the collector to the agent and the
agent to the collector, and keeps every byte the agent sends, in clear.
"""
import ctypes
import ctypes.util
import socket
import ssl
import struct
import threading


class Wiretap:
    def __init__(self, collector_data, agent_data, port, folder):
        ca = collector_data / "ca"
        identity = agent_data / "identity" / "identity.pem"
        chain = folder / "tap-chain.pem"
        chain.write_text("".join((ca / f"{name}.crt").read_text() for name in ("server", "servers")))
        root = folder / "tap-root.pem"
        root.write_text("".join((ca / f"{name}.crt").read_text()
                                for name in ("root", "agents", "servers")))
        self.front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.front.load_cert_chain(chain, ca / "server.key")
        self.front.load_verify_locations(root)
        self.front.verify_mode = ssl.CERT_REQUIRED
        self.back = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.back.check_hostname = False
        self.back.load_verify_locations(root)
        self.back.load_cert_chain(identity, identity)
        self.to = ("127.0.0.1", port)
        self.sent = []  # one bytearray a connection
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                agent, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(agent,), daemon=True).start()

    def _serve(self, raw):
        try:
            agent = self.front.wrap_socket(raw, server_side=True)
            collector = self.back.wrap_socket(socket.create_connection(self.to))
        except OSError:
            raw.close()
            return
        kept = bytearray()
        self.sent.append(kept)
        back = threading.Thread(target=self._pump, args=(collector, agent, None), daemon=True)
        back.start()
        self._pump(agent, collector, kept)
        back.join(timeout=30)

    @staticmethod
    def _pump(source, to, kept):
        try:
            while data := source.recv(65536):
                if kept is not None:
                    kept.extend(data)
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()

    def everything(self):
        """All the agent sent, and the contents of its batches, as one run of bytes."""
        out = b""
        for kept in self.sent:
            out += bytes(kept)
            for batch in batches(bytes(kept)):
                out += batch
        return out


def frames(stream):
    at = 0
    while at + 4 <= len(stream):
        size = struct.unpack_from(">I", stream, at)[0]
        yield stream[at + 4:at + 4 + size]
        at += 4 + size


def fields(message):
    """Yields (number, value) of a protobuf message; a value is an int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            assert key & 7 == 2, key
            size = varint()
            yield key >> 3, message[at:at + size]
            at += size


def batches(stream):
    """The serialized batches in a stream of frames: Envelope.upload (3), Upload.payload (4)."""
    for frame in frames(stream):
        for number, upload in fields(frame):
            if number == 3:
                yield decompressed(dict(fields(upload))[4])


def tokens(stream):
    """The tokens of unknown domains in it: Batch.unknowns (7), UnknownToken.token (1)."""
    return [dict(fields(value))[1] for batch in batches(stream) for number, value in fields(batch)
            if number == 7]


def decompressed(data):
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    size = zstd.ZSTD_getFrameContentSize(data, ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(max(size, 1))
    got = zstd.ZSTD_decompress(out, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    assert got == size, "a batch could not be unpacked"
    return out.raw[:size]
