#!/usr/bin/env python3
"""A replay without a collector: what it stores, what it survives, what it says when it cannot.

    tests/integration/replay_test.py --bin build/release/bin [TEST...]
"""
import os
import subprocess
import sys
import time

import captures
from programs import (UNPRIVILEGED, Skipped, as_multiset, assert_one_sentence, kill_hard, main,
                      rows, spool_bytes, wait_for_progress)

AT = "2026-11-16T09:10"


def replay(place, data, *arguments, **options):
    return place.run("gnomon-agent", "replay", "--offline", "--log-level", "warn", "--data",
                     place.path(data), *arguments, **options)


def contacts(place, data):
    status, out, errors = place.run("gnomon-agent", "explain", "--json", "--data",
                                    place.path(data))
    assert status == 0, errors
    return rows(out)


def test_signup_story_becomes_a_likely_signup(place):
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    trello = [c for c in contacts(place, "ws") if c["tool"] == "trello"]
    assert any(c["stage"] == "signup-likely" for c in trello), trello
    first = min(c["first_ns"] for c in trello)
    assert 1_794_820_200 <= first / 1e9 < 1_794_820_320, first  # at 2026-11-16T09:10, UTC
    status, out, _ = place.run("gnomon-agent", "explain", "--data", place.path("ws"))
    assert status == 0 and "Trello: signup-likely" in out, out


def test_embedded_analytics_is_no_use_and_its_console_is(place):
    for capture in ("analytics-embed-only", "analytics-embed-signals"):
        status, _, errors = replay(place, capture, captures.OWN / f"{capture}.pcap")
        assert status == 0, errors
        stages = {c["stage"] for c in contacts(place, capture) if c["tool"] == "google-analytics"}
        assert stages <= {"embedded", "mentioned", "none"}, (capture, stages)
    status, _, errors = replay(place, "console", captures.OWN / "analytics-console.pcap")
    assert status == 0, errors
    stages = {c["stage"] for c in contacts(place, "console") if c["tool"] == "google-analytics"}
    assert stages & {"visited", "signup-likely", "active"}, stages


def test_the_same_replay_is_not_played_twice(place):
    story = captures.OWN / "signup-story.pcap"
    for _ in range(2):
        status, _, errors = replay(place, "ws", "--at", AT, story)
        assert status == 0, errors
    assert "played before" in errors, errors
    once = len(contacts(place, "ws"))
    status, _, errors = replay(place, "ws", "--at", AT, "--again", story)
    assert status == 0, errors
    assert len(contacts(place, "ws")) > once


def test_the_day_after_makes_an_active_user(place):
    for day in ("2026-11-16", "2026-11-18"):
        status, _, errors = replay(place, "ws", "--at", f"{day}T09:10",
                                   captures.OWN / "signup-story.pcap")
        assert status == 0, errors
    assert any(c["stage"] == "active" for c in contacts(place, "ws") if c["tool"] == "trello")


def test_a_killed_replay_goes_on_where_it_was(place):
    capture = captures.history(place.path("history.pcap"), rounds=60)
    status, _, errors = replay(place, "whole", "--at", AT, capture, timeout=600)
    assert status == 0, errors
    whole = as_multiset(contacts(place, "whole"))
    assert len(whole) > 100
    size = spool_bytes(place, "whole")

    kills = 0
    # Killed where it has come to, not when: a fast machine must not outrun the test.
    for share in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8):
        process = place.start("gnomon-agent", "replay", "--offline", "--log-level", "error", "--data",
                              place.path("killed"), "--at", AT, capture)
        if not wait_for_progress(place, "killed", process, share * size):
            break
        kill_hard(process)
        kills += 1
    assert kills >= 2, f"only {kills} kills came before the end"
    status, _, errors = replay(place, "killed", "--at", AT, capture, timeout=600)
    assert status == 0, errors
    assert as_multiset(contacts(place, "killed")) == whole
    print(f"{kills} kills, {len(whole)} contacts, none lost, none twice")


def test_another_replay_does_not_run_over_an_interrupted_one(place):
    capture = captures.history(place.path("history.pcap"), rounds=4)
    process = place.start("gnomon-agent", "replay", "--offline", "--data", place.path("ws"), capture)
    memory = place.path("ws") / "memory"
    while process.poll() is None and not memory.exists():
        time.sleep(0.005)
    kill_hard(process)
    status, _, errors = replay(place, "ws", captures.OWN / "curl.pcap")
    if "interrupted" not in errors and status == 0:
        raise Skipped("the replay ended before it could be killed")
    assert status == 2
    assert_one_sentence(errors, "interrupted", "--abandon")
    status, _, errors = replay(place, "ws", "--abandon", captures.OWN / "curl.pcap")
    assert status == 0, errors


def test_two_agents_do_not_share_a_folder(place):
    capture = captures.history(place.path("history.pcap"), rounds=6)
    first = place.start("gnomon-agent", "replay", "--offline", "--data", place.path("ws"), capture)
    lock = place.path("ws") / "memory"
    while first.poll() is None and not lock.exists():
        time.sleep(0.005)
    status, _, errors = replay(place, "ws", capture)
    ended = first.poll() is not None
    kill_hard(first)
    if ended:
        raise Skipped("the first agent was done before the second could start")
    assert status == 2
    assert_one_sentence(errors, "another gnomon-agent", "--data")


def test_what_is_no_whole_capture_is_said_in_one_sentence(place):
    story = (captures.OWN / "signup-story.pcap").read_bytes()
    cases = {"empty.pcap": (b"", 2, "empty"), "notes.txt": (b"not a capture at all, a text\n" * 9, 2,
                                                              "not a capture"),
             "cut.pcap": (story[:len(story) // 2], 1, "cut")}
    for name, (contents, expected, word) in cases.items():
        place.path(name).write_bytes(contents)
        status, _, errors = replay(place, f"ws-{name}", place.path(name))
        assert status == expected, (name, status, errors)
        assert_one_sentence(errors, name)
    # What the cut one held was stored.
    assert contacts(place, "ws-cut.pcap")
    status, _, errors = replay(place, "ws", place.path("missing.pcap"))
    assert status == 2
    assert_one_sentence(errors, "missing.pcap")
    assert not (place.path("ws") / "memory").exists()


def test_a_capture_that_may_not_be_read(place):
    path = place.path("secret.pcap")
    path.write_bytes((captures.OWN / "curl.pcap").read_bytes())
    path.chmod(0)
    status, _, errors = replay(place, "ws", path, by=UNPRIVILEGED)
    assert status == 2
    assert_one_sentence(errors, "secret.pcap", "ermission")


def test_a_damaged_rule_pack_is_refused(place):
    share = place.binaries.parent / "share" / "gnomon"
    damaged = bytearray((share / "catalogue.pack").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    place.path("damaged.pack").write_bytes(damaged)
    status, _, errors = replay(place, "ws", "--rules", place.path("damaged.pack"), "--trust",
                               share / "catalogue.trust", captures.OWN / "curl.pcap")
    assert status == 2
    assert_one_sentence(errors, "damaged.pack")


def test_a_damaged_memory_is_set_aside(place):
    story = captures.OWN / "curl.pcap"
    assert replay(place, "ws", story)[0] == 0
    (place.path("ws") / "memory").write_bytes(b"rubbish")
    before = as_multiset(contacts(place, "ws"))
    status, _, errors = replay(place, "ws", "--at", AT, story)
    assert status == 2
    assert_one_sentence(errors, "memory", "set aside")
    assert as_multiset(contacts(place, "ws")) == before
    assert replay(place, "ws", "--at", AT, story)[0] == 0


def test_a_full_disk_loses_nothing_that_is_stored(place):
    if os.geteuid() != 0:
        raise Skipped("a small file system of its own needs root")
    small = place.path("small")
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)],
                      capture_output=True).returncode != 0:
        raise Skipped("no file system can be mounted here")
    try:
        capture = captures.history(place.path("history.pcap"), rounds=12)
        assert replay(place, "whole", "--at", AT, capture, timeout=600)[0] == 0
        whole = as_multiset(contacts(place, "whole"))
        filler = small / "filler"
        filler.write_bytes(b"x" * 100 * 1024)
        status, _, errors = replay(place, "small/ws", "--at", AT, "--wait", "1", capture)
        assert status == 2, (status, errors)
        assert "No space left" in errors, errors
        assert_one_sentence(errors, "goes on where this one was")
        held = as_multiset(contacts(place, "small/ws"))
        assert set(held) < set(whole)
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        status, _, errors = replay(place, "small/ws", "--at", AT, capture, timeout=600)
        assert status == 0, errors
        assert as_multiset(contacts(place, "small/ws")) == whole
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_without_enrolment_nothing_is_sent(place):
    status, _, errors = place.run("gnomon-agent", "replay", "--data", place.path("ws"),
                                  captures.OWN / "curl.pcap")
    assert status == 2
    assert_one_sentence(errors, "enrol")


def test_wrong_use_is_exit_status_2(place):
    for arguments in (["replay"], ["nonsense"], [], ["replay", "--at", "noon", "x.pcap"],
                      ["status", "--data", place.path("none")],
                      ["run", "--config", place.path("none.conf")]):
        status, _, errors = place.run("gnomon-agent", *arguments)
        assert status == 2, (arguments, status, errors)
        assert errors.strip(), arguments
    for arguments in (["--help"], ["--version"], ["replay", "--help"]):
        status, out, _ = place.run("gnomon-agent", *arguments)
        assert status == 0 and out.strip()


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
