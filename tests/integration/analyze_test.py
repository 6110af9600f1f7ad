#!/usr/bin/env python3
"""gnomon analyze on the recordings: what it judges, what it says when it cannot read.

    tests/integration/analyze_test.py --bin build/release/bin [TEST...]
"""
import csv
import datetime
import io
import sys

import captures
from programs import UNPRIVILEGED, assert_one_sentence, main, rows

TIMELINE = captures.OWN / "signup-story.timeline.txt"


def analyze(place, *arguments):
    status, out, errors = place.run("gnomon", "analyze", *arguments)
    assert status == 0, (status, errors)
    return out


def findings(place, *files):
    return {row["tool"]: row for row in rows(analyze(place, "--format", "json", *files))}


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_the_fields_are_those_promised(place):
    for row in findings(place, captures.OWN / "signup-story.pcap").values():
        assert list(row) == ["tool", "name", "category", "stage", "confidence", "roles", "tenants",
                             "first", "last", "evidence"], row
        assert 0 <= row["confidence"] <= 1
        for line in row["evidence"]:
            assert list(line) == ["t", "what", "host", "role"], line


def test_every_event_of_the_signup_story_is_explained(place):
    found = findings(place, captures.OWN / "signup-story.pcap")
    assert found["trello"]["stage"] == "signup-likely", found["trello"]
    lines = [(seconds(line["t"]), line["what"], line["host"]) for row in found.values()
             for line in row["evidence"]]
    for event in TIMELINE.read_text().splitlines():
        when, what = event.split(" ", 1)
        if not what.startswith("open "):
            continue
        # A page loads for some seconds; what it opened is told within that time.
        near = [line for line in lines if -0.5 <= line[0] - seconds(when) <= 4]
        assert near, f"nothing explains '{event}':\n" + "\n".join(map(str, sorted(lines)))


def test_a_page_with_analytics_is_no_use_of_it(place):
    for name in ("analytics-embed-only", "analytics-embed-signals"):
        for tool, row in findings(place, captures.OWN / f"{name}.pcap").items():
            assert row["stage"] in ("embedded", "mentioned"), (name, row)


def test_opening_the_console_is_one(place):
    row = findings(place, captures.OWN / "analytics-console.pcap")["google-analytics"]
    assert row["stage"] in ("visited", "active", "signup-likely"), row
    assert row["roles"]["app"] > 0


def test_scripts_at_an_api_are_an_integration(place):
    stages = {tool: row["stage"]
              for tool, row in findings(place, captures.OWN / "openssl-python.pcap").items()}
    assert "integrated" in stages.values(), stages


def test_several_files_are_one_history_in_any_order(place):
    story, console = (captures.OWN / f"{name}.pcap" for name in ("signup-story",
                                                                  "analytics-console"))
    assert analyze(place, "--format", "json", story, console) == \
        analyze(place, "--format", "json", console, story)


def test_the_table_is_for_people(place):
    out = analyze(place, captures.OWN / "signup-story.pcap")
    assert "Trello" in out.splitlines()[1] and "signup-likely" in out.splitlines()[1], out
    assert "which is no use" in out.splitlines()[-1] and "Google Analytics" in out.splitlines()[-1]


def test_csv_says_the_same_as_json(place):
    story = captures.OWN / "signup-story.pcap"
    table = list(csv.DictReader(io.StringIO(analyze(place, "--format", "csv", story))))
    found = findings(place, story)
    assert [row["tool"] for row in table] == list(found)
    for row in table:
        assert row["stage"] == found[row["tool"]]["stage"]
        assert float(row["confidence"]) == found[row["tool"]]["confidence"]


def test_a_cut_capture_gives_what_it_held(place):
    story = (captures.OWN / "signup-story.pcap").read_bytes()
    place.path("cut.pcap").write_bytes(story[:len(story) * 2 // 3])
    status, out, errors = place.run("gnomon", "analyze", "--format", "json", place.path("cut.pcap"))
    assert status == 1, errors
    assert any(row["tool"] == "trello" for row in rows(out))
    assert_one_sentence(errors, "cut.pcap")


def test_what_cannot_be_analysed_is_said_in_one_sentence(place):
    place.path("empty.pcap").write_bytes(b"")
    place.path("notes.txt").write_bytes(b"a text is not a capture\n" * 10)
    for name in ("empty.pcap", "notes.txt", "missing.pcap"):
        status, out, errors = place.run("gnomon", "analyze", place.path(name))
        assert status == 2 and not out, (name, out, errors)
        assert_one_sentence(errors, name)


def test_a_capture_that_may_not_be_read(place):
    path = place.path("secret.pcap")
    path.write_bytes((captures.OWN / "curl.pcap").read_bytes())
    path.chmod(0)
    status, out, errors = place.run("gnomon", "analyze", path, by=UNPRIVILEGED)
    assert status == 2 and not out, (status, errors)
    assert_one_sentence(errors, "secret.pcap", "ermission")


def test_a_damaged_pack_is_refused(place):
    share = place.binaries.parent / "share" / "gnomon"
    damaged = bytearray((share / "catalogue.pack").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    place.path("damaged.pack").write_bytes(damaged)
    status, out, errors = place.run("gnomon", "analyze", "--rules", place.path("damaged.pack"),
                                    "--trust", share / "catalogue.trust",
                                    captures.OWN / "curl.pcap")
    assert status == 2 and not out
    assert_one_sentence(errors, "damaged.pack")


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
