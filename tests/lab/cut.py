"""Cuts the recording of a workstation into its stories and gives each the clock its people lived by.

A story was played with the waiting left out; the driver noted each wait as a gap. Here every packet moves by the gaps
before it, and the whole story to a day of its own.
"""
import bisect
import json
import pathlib
import struct

DAY = 86400
FIRST_DAY = 1_772_409_600  # 2026-03-02, a Monday
HEADER = struct.Struct("<IIII")


def read_stories(path):
    return [story for story in map(json.loads, pathlib.Path(path).read_text().splitlines()) if "begin" in story]


class Clock:
    """Maps the time of the recording to the time of the story."""

    def __init__(self, story, number):
        self.begin = story["begin"]
        self.base = FIRST_DAY + (number % 180) * DAY + 8 * 3600 + (number * 997) % (6 * 3600)
        self.when = [at for at, _ in story["gaps"]]
        self.sums = [0.0]
        for _, seconds in story["gaps"]:
            self.sums.append(self.sums[-1] + seconds)

    def of(self, t):
        return self.base + (t - self.begin) + self.sums[bisect.bisect_right(self.when, t)]


def packets(path):
    data = pathlib.Path(path).read_bytes()
    yield data[:24]
    at = 24
    while at + 16 <= len(data):
        seconds, micros, size, length = HEADER.unpack_from(data, at)
        if at + 16 + size > len(data):
            return
        yield seconds + micros / 1e6, data[at + 16:at + 16 + size], length
        at += 16 + size


def cut(recording, stories, folder, first_number=0):
    """Writes <folder>/<id>.pcap and <id>.json for each story; returns the truths."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = packets(recording)
    head = next(source)
    truths, at = [], 0
    clocks = [Clock(story, first_number + i) for i, story in enumerate(stories)]
    out = [bytearray(head) for _ in stories]
    for when, data, length in source:
        while at < len(stories) and when > stories[at]["end"]:
            at += 1
        if at == len(stories):
            break
        if when < stories[at]["begin"]:
            continue
        t = clocks[at].of(when)
        seconds = int(t)
        out[at] += HEADER.pack(seconds, int((t - seconds) * 1e6), len(data), length) + data
    for story, clock, data in zip(stories, clocks, out):
        (folder / f"{story['id']}.pcap").write_bytes(data)
        truth = {key: story.get(key) for key in ("id", "kind", "tool", "split", "tenant", "http3", "loaded", "failed")}
        truth["expected"] = story["expected"]
        truth["events"] = [{"t": round(clock.of(e["t"]), 3), "what": e["what"]} for e in story["events"]]
        (folder / f"{story['id']}.json").write_text(json.dumps(truth, indent=1) + "\n")
        truths.append(truth)
    return truths
