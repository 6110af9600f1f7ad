#!/usr/bin/env python3
"""Compares what `gnomon analyze` finds in captures with what must come out.

    check_corpus.py GNOMON [--captures FOLDER] [--only public|derived|own]

Recall: every name of scope core (`truth/*.names`) must be found. Precision: nothing may be reported
that no row of the truth holds, whatever its scope. Where the truth itself is wrong, `exceptions.tsv`
has a line with the bytes that prove it; a line that is not needed any more fails the test too. Our
own recordings (`expected/*.json`) are compared more sharply: the same queries and hellos, each as
often as it was sent. Ends with 77 (skipped) where there are no captures.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROTOCOLS = ("dns", "tls", "quic", "http")


def unescaped(name):
    """The bytes of a name in which some stand as \\ddd."""
    out = bytearray()
    raw = name.encode("utf-8", "surrogateescape")
    at = 0
    while at < len(raw):
        if raw[at:at + 1] == b"\\" and re.fullmatch(rb"\d\d\d", raw[at + 1:at + 4]):
            out.append(int(raw[at + 1:at + 4]) & 0xff)
            at += 4
        else:
            out.append(raw[at])
            at += 1
    return bytes(out)


def comparable(proto, name):
    """One form for names of both sides: the truth has replacement characters where the name had
    bytes that are not UTF-8, and keeps the port of an HTTP host."""
    if name in ("", "-"):
        return "-"
    text = unescaped(name).decode("utf-8", "replace").lower().rstrip(".")
    if not text:
        return "-"  # the root
    if proto == "http":
        text = re.sub(r"^\[(.*)\](:\d*)?$", r"\1", text)
        if text.count(":") == 1:
            text = text.split(":")[0]
    return re.sub("[\ufffd\x80-\U0010ffff]+", "\ufffd", text)


def sightings_in(gnomon, file):
    """(sightings, fault): what our program reports for a file."""
    done = subprocess.run([gnomon, "analyze", "--sightings", "--format", "json", str(file)],
                          capture_output=True, timeout=300)
    if done.returncode not in (0, 1):
        return [], f"exit code {done.returncode}: {done.stderr.decode(errors='replace')[-400:]}"
    return [json.loads(line) for line in done.stdout.splitlines()], None


def names_of(sightings):
    """The set of (proto, name) in sightings."""
    names = set()
    for sighting in sightings:
        # A recovered name was not in the hello's bytes; it must have been in DNS.
        proto = "dns" if sighting.get("recovered") else sighting["source"]
        names.add((proto, comparable(proto, sighting["host"])))
        for record in sighting.get("answers", []):
            names.add((proto, comparable(proto, record["name"])))
    return names


def messages_of(sightings):
    """How often each query and hello was seen: {(proto, name): times}."""
    return collections.Counter(
        (s["source"], comparable(s["source"], s["host"])) for s in sightings
        if s["source"] != "http" and not s.get("answer") and not s.get("recovered"))


def read_names(file):
    rows = file.read_text(encoding="utf-8", errors="replace").split("\n")
    pairs = (row.split("\t", 1) for row in rows if "\t" in row)
    return {(proto, comparable(proto, name)) for proto, name in pairs}


def read_rows(file):
    """{(proto, name): scopes} of a .tsv."""
    rows = collections.defaultdict(set)
    for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
        cells = line.split("\t")
        if line.startswith("#") or len(cells) < 4:
            continue
        fields = dict(cell.split("=", 1) for cell in cells[3].split(";") if "=" in cell)
        rows[(cells[1], comparable(cells[1], cells[2]))].add(fields.get("scope", "core"))
    return rows


def truth_of_set(folder, pcaps, truth):
    """Yields (capture, core names, all rows)."""
    for file in sorted(pcaps.iterdir()):
        names = truth / (file.name + ".names")
        if not names.exists():
            continue
        table = truth / (file.name + ".tsv")
        rows = read_rows(table) if table.exists() else {}
        yield f"{folder}/{file.name}", file, read_names(names), rows


def truth_of_own(folder):
    """Yields (capture, {(proto, name): times}, None)."""
    for file in sorted(folder.glob("*.pcap")):
        data = json.loads((folder / "expected" / (file.stem + ".json")).read_text())
        times = collections.Counter()
        for proto, key, messages in (("dns", "name", data["dns_queries"]),
                                     ("tls", "sni", data["tls_tcp"]),
                                     ("quic", "sni", data.get("quic", []))):
            times.update((proto, comparable(proto, m.get(key) or "-")) for m in messages)
        yield f"own/{file.name}", file, times, None


def read_exceptions():
    """{(capture, kind, proto, name): reason}; kind is `missing` or `extra`."""
    exceptions = {}
    for line in (HERE / "exceptions.tsv").read_text().split("\n"):
        if line and not line.startswith("#"):
            capture, kind, proto, name, reason = line.split("\t", 4)
            exceptions[(capture, kind, proto, comparable(proto, name))] = reason
    return exceptions


class Judgement:
    def __init__(self):
        self.exceptions = read_exceptions()
        self.used = set()
        self.faults = []
        self.table = collections.defaultdict(collections.Counter)
        self.scopes = collections.defaultdict(collections.Counter)

    def fault(self, label, kind, proto, name, more=""):
        key = (label, kind, proto, name)
        if key in self.exceptions:
            self.used.add(key)
            return
        self.faults.append(f"{label}: {kind} {proto} {name}{more}")
        self.table[(label.split("/")[0], proto)][kind] += 1

    def add_own(self, label, times, sightings):
        seen = messages_of(sightings)
        for proto, name in sorted(set(times) | set(seen)):
            wanted, got = times[(proto, name)], seen[(proto, name)]
            row = self.table[("own", proto)]
            row["core"] += wanted
            row["found"] += min(wanted, got)
            if wanted != got:
                kind = "missing" if got < wanted else "extra"
                self.fault(label, kind, proto, name, f" ({got} times, not {wanted})")

    def add(self, label, core, rows, found):
        folder = label.split("/")[0]
        # Derived captures that no other engine reads have no rows, so none for nameless hellos.
        known = core | set(rows) | (set() if rows else {("tls", "-"), ("quic", "-")})
        for proto, name in sorted(core - found):
            self.fault(label, "missing", proto, name)
        for proto, name in sorted(found - known):
            self.fault(label, "extra", proto, name)
        for proto, name in core:
            self.table[(folder, proto)]["core"] += 1
            self.table[(folder, proto)]["found"] += (proto, name) in found
        for pair, kinds in rows.items():
            if "core" not in kinds and pair not in core:
                for scope in kinds:
                    self.scopes[scope]["rows"] += 1
                    self.scopes[scope]["seen"] += pair in found

    def finish(self, labels):
        for key in self.exceptions:
            if key not in self.used and key[0] in labels:
                self.faults.append(f"{key[0]}: exception not needed: {' '.join(key[1:])}")


def judge(gnomon, captures):
    judgement = Judgement()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda capture: sightings_in(gnomon, capture[1]), captures))
    for (label, _, core, rows), (sightings, fault) in zip(captures, results):
        if fault:
            judgement.faults.append(f"{label}: {fault}")
        elif rows is None:
            judgement.add_own(label, core, sightings)
        else:
            judgement.add(label, core, rows, names_of(sightings))
    judgement.finish({label for label, *_ in captures})
    return judgement


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gnomon")
    parser.add_argument("--captures",
                        default=os.environ.get("GNOMON_CAPTURES", ROOT.parent / "shared/captures"))
    parser.add_argument("--only", choices=("public", "derived", "own"))
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.captures)

    captures = []
    if arguments.only in (None, "own"):
        captures += truth_of_own(ROOT / "tests/captures/own")
    if arguments.only in (None, "public") and (folder / "public/pcaps").is_dir():
        captures += truth_of_set("public", folder / "public/pcaps", folder / "public/truth")
    derived = folder / "public/derived"
    if arguments.only in (None, "derived") and derived.is_dir():
        captures += truth_of_set("derived", derived / "pcaps", derived / "truth")
    if not captures:
        print(f"no captures in {folder} (set GNOMON_CAPTURES)")
        return 77

    judgement = judge(arguments.gnomon, captures)
    table, scopes, faults = judgement.table, judgement.scopes, judgement.faults
    print(f"{len(captures)} captures, {len(judgement.used)} exceptions used\n")
    print(f"{'set':9}{'protocol':10}{'core names':>11}{'found':>8}{'recall':>9}{'not in truth':>14}")
    for group, proto in sorted(table):
        row = table[(group, proto)]
        recall = 100.0 * row["found"] / row["core"] if row["core"] else 100.0
        print(f"{group:9}{proto:10}{row['core']:11}{row['found']:8}{recall:8.2f}%{row['extra']:14}")
    print("\nbeyond core (nothing is promised here):")
    for scope in sorted(scopes):
        row = scopes[scope]
        print(f"  {scope:32}{row['seen']:6} of {row['rows']:6} names seen")
    for fault in faults:
        print("FAULT", fault)
    print(f"\n{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
