#!/usr/bin/env python3
"""Agents and a collector, over mutual TLS on loopback: what arrives, whatever is killed.

    tests/integration/collector_test.py --bin build/release/bin [TEST...]
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import captures
from programs import (Skipped, as_multiset, assert_one_sentence, kill_hard, main, rows, spool_bytes,
                      wait_for_progress, wait_until)
from replay_test import AT, contacts

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Collector:
    """A collector on free ports. Its first ports are kept over restarts, as agents expect."""

    def __init__(self, place, name="collector", options=(), program="gnomon-collector", env=None):
        self.place = place
        self.options = options
        self.program, self.env = program, env
        self.data = place.path(name)
        self.ports = {"agents": 0, "enrol": 0, "http": 0}
        self.start()

    def start(self):
        ports = self.data / "ports.json"
        ports.unlink(missing_ok=True)
        self.process = self.place.start(
            self.program, "serve", "--data", self.data, "--zone", "UTC", "--min-group", "1",
            "--listen", f"127.0.0.1:{self.ports['agents']}", "--enrol",
            f"127.0.0.1:{self.ports['enrol']}", "--http", f"127.0.0.1:{self.ports['http']}",
            *self.options, log=self.place.path("collector.log"), env=self.env)

        def listening():
            assert self.process.poll() is None, self.place.path("collector.log").read_text()
            return ports.exists() and ports.read_text().strip()

        self.ports = json.loads(wait_until(listening, 60, "the collector to listen"))

    def kill(self):
        kill_hard(self.process)

    def token(self, uses=1):
        status, out, errors = self.place.run("gnomon", "admin", "token", "create", "--data",
                                             self.data, "--uses", uses, "--label", "test",
                                             "--quiet")
        assert status == 0, errors
        return out.strip()

    def enrol(self, name):
        return self.place.run("gnomon-agent", "enrol", "--data", self.place.path(name), "--token",
                              self.token(), "--collector", f"127.0.0.1:{self.ports['enrol']}")

    def contacts(self):
        status, out, errors = self.place.run("gnomon", "export-contacts", "--data", self.data)
        assert status == 0, errors
        return rows(out)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['http']}{path}",
                                    timeout=30) as answer:
            return answer.read().decode()

    def ready(self):
        """What /readyz says, and whether it is yes."""
        try:
            return True, self.get("/readyz")
        except urllib.error.HTTPError as error:
            return False, error.read().decode()

    def metric(self, name):
        for line in self.get("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.rsplit(" ", 1)[1])
        return None

    def digest(self, week):
        return json.loads(self.get(f"/api/v1/digests/{week}"))


def replay(place, name, *arguments, timeout=300):
    return place.run("gnomon-agent", "replay", "--log-level", "warn", "--data", place.path(name),
                     *arguments, timeout=timeout)


def tools_in(digest, *sections):
    return {tool["id"] for section in sections for tool in digest.get(section, [])}


USES = ("likely_signups", "new_tools", "growing", "in_use", "integrations", "opened_once")


def test_a_likely_signup_reaches_the_digest(place):
    collector = Collector(place)
    status, _, errors = collector.enrol("ws")
    assert status == 0, errors
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    assert as_multiset(collector.contacts()) == as_multiset(contacts(place, "ws"))
    digest = collector.digest("2026-W47")
    assert "trello" in tools_in(digest, "likely_signups"), digest
    status, out, errors = place.run("gnomon-agent", "status", "--data", place.path("ws"))
    assert status == 0 and "0 of them wait to be sent" in out, (out, errors)


def test_opening_the_analytics_console_is_told_and_embedding_is_not(place):
    collector = Collector(place)
    for name, files in {"console": ["analytics-console"],
                        "reader": ["analytics-embed-only", "analytics-embed-signals"]}.items():
        assert collector.enrol(name)[0] == 0
        for hour, file in enumerate(files, start=9):
            status, _, errors = replay(place, name, "--at", f"2026-11-17T{hour:02}:00",
                                       captures.OWN / f"{file}.pcap")
            assert status == 0, errors
    digest = collector.digest("2026-W47")
    found = [tool for section in USES for tool in digest.get(section, [])
             if tool["id"] == "google-analytics"]
    assert found, digest
    assert all(tool["devices"] == 1 for tool in found), found


def test_the_reader_alone_makes_no_user(place):
    collector = Collector(place)
    assert collector.enrol("reader")[0] == 0
    for hour, file in enumerate(("analytics-embed-only", "analytics-embed-signals"), start=9):
        status, _, errors = replay(place, "reader", "--at", f"2026-11-17T{hour:02}:00",
                                   captures.OWN / f"{file}.pcap")
        assert status == 0, errors
    assert "google-analytics" not in tools_in(collector.digest("2026-W47"), *USES)


def test_names_that_were_hidden_are_told_as_a_blind_spot(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "chromium-ech-real.pcap")
    assert status == 0, errors
    agent, = json.loads(collector.get("/api/v1/agents"))["agents"]
    # Two of its connections hide the name behind ECH (tests/captures/own/expected).
    assert 0 < agent["readable_share"] < 1, agent
    lines = {line["key"] for line in collector.digest("2026-W47")["blind_spots"]}
    assert "readable" in lines, lines


def test_the_sample_week_plays(place):
    collector = Collector(place)
    sample = ROOT / "deploy" / "sample-week"
    count = int(subprocess.run([sample, "--count"], capture_output=True, text=True,
                               check=True).stdout)
    command = [sample, "--bin", place.binaries, "--collector",
               f"127.0.0.1:{collector.ports['enrol']}", "--token", collector.token(count), "--work",
               place.path("devices"), "--week", "2026-W46"]
    for _ in range(2):  # the second time nothing is played twice
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    stored = collector.contacts()
    assert len({contact["agent"] for contact in stored}) == count
    texts = as_multiset([{**contact, "of": contact["agent"]} for contact in stored])
    assert len(texts) == len(set(texts)), "a contact was stored twice"
    digest = collector.digest("2026-W46")
    assert "trello" in tools_in(digest, "likely_signups"), digest
    assert "google-analytics" in tools_in(digest, *USES), digest
    assert tools_in(digest, "integrations"), digest


def undisturbed(place, capture):
    """What a replay stores when nobody interferes."""
    status, _, errors = place.run("gnomon-agent", "replay", "--offline", "--log-level", "warn",
                                  "--data", place.path("whole"), "--at", AT, capture, timeout=300)
    assert status == 0, errors
    return as_multiset(contacts(place, "whole"))


def start_replay(place, capture):
    return place.start("gnomon-agent", "replay", "--log-level", "error", "--data", place.path("ws"),
                       "--at", AT, capture, log=place.path("agent.log"))


def log_of(place):
    return place.path("agent.log").read_text()[-2000:]


def test_killing_the_agent_loses_and_repeats_nothing(place):
    capture = captures.history(place.path("history.pcap"), rounds=60)
    whole = undisturbed(place, capture)
    size = spool_bytes(place, "whole")
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    kills = 0
    # Killed where it has come to, not when: a fast machine must not outrun the test.
    for share in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8):
        agent = start_replay(place, capture)
        if wait_for_progress(place, "ws", agent, share * size):
            kill_hard(agent)
            kills += 1
        else:
            break
    agent = start_replay(place, capture)
    agent.wait(timeout=300)
    assert agent.returncode == 0, log_of(place)
    assert kills >= 2, f"only {kills} kills came before the end"
    assert as_multiset(collector.contacts()) == whole
    print(f"{kills} kills of the agent, {len(whole)} contacts, none lost, none twice")


def test_killing_the_collector_loses_and_repeats_nothing(place):
    capture = captures.history(place.path("history.pcap"), rounds=60)
    whole = undisturbed(place, capture)
    size = spool_bytes(place, "whole")
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    kills = 0
    agent = start_replay(place, capture)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        if not wait_for_progress(place, "ws", agent, share * size):
            break
        collector.kill()
        kills += 1
        collector.start()
    agent.wait(timeout=300)
    assert agent.returncode == 0, log_of(place)
    assert kills >= 1, "nothing was killed before the end"
    assert as_multiset(collector.contacts()) == whole
    print(f"{kills} kills of the collector, {len(whole)} contacts, none lost, none twice")


def test_a_collector_that_is_away_is_waited_for(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    collector.kill()
    status, _, errors = replay(place, "ws", "--at", AT, "--wait", "1",
                               captures.OWN / "signup-story.pcap")
    assert status == 1, errors
    assert_one_sentence(errors, "wait on this machine")
    collector.start()
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    assert as_multiset(collector.contacts()) == as_multiset(contacts(place, "ws"))


def test_a_wrong_token_is_refused_in_one_sentence(place):
    collector = Collector(place)
    token = collector.token()
    wrong = token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb")
    for bad in ("nonsense", wrong):
        status, _, errors = place.run("gnomon-agent", "enrol", "--data", place.path("ws"),
                                      "--token", bad, "--collector",
                                      f"127.0.0.1:{collector.ports['enrol']}")
        assert status == 2, (bad, errors)
        assert_one_sentence(errors)
    # A token is good once.
    arguments = ["enrol", "--token", token, "--collector", f"127.0.0.1:{collector.ports['enrol']}"]
    assert place.run("gnomon-agent", *arguments, "--data", place.path("first"))[0] == 0
    status, _, errors = place.run("gnomon-agent", *arguments, "--data", place.path("second"))
    assert status == 2
    assert_one_sentence(errors, "token")


def test_a_port_in_use_is_said_in_one_sentence(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    assert replay(place, "ws", "--at", AT, captures.OWN / "curl.pcap")[0] == 0
    before = as_multiset(collector.contacts())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for flag in ("--listen", "--enrol", "--http"):
            ports = {"--listen": 0, "--enrol": 0, "--http": 0, flag: port}
            arguments = [part for name, number in ports.items()
                         for part in (name, f"127.0.0.1:{number}")]
            status, _, errors = place.run("gnomon-collector", "serve", "--data",
                                          place.path("other"), *arguments, timeout=60)
            assert status == 2, (flag, status, errors)
            assert_one_sentence(errors, str(port))
    status, _, errors = place.run("gnomon-collector", "serve", "--data", collector.data,
                                  "--listen", "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--http",
                                  "127.0.0.1:0", timeout=60)
    assert status == 2, errors
    assert_one_sentence(errors)
    assert as_multiset(collector.contacts()) == before


def backup(place, collector, name):
    status, out, errors = place.run("gnomon", "admin", "backup", "--data", collector.data, "--to",
                                    place.path(name))
    assert status == 0, errors
    return out


def test_a_restored_collector_gets_what_it_lost_from_the_agents(place):
    """Yesterday's backup, a day of work, a dead disk: everything is there again, exactly once."""
    collector = Collector(place)
    for name in ("first", "second", "late"):
        assert collector.enrol(name)[0] == 0
    assert replay(place, "first", "--at", "2026-11-16T09:00", captures.OWN / "curl.pcap")[0] == 0
    assert replay(place, "second", "--at", AT, captures.OWN / "signup-story.pcap")[0] == 0
    backup(place, collector, "yesterday")

    # The day after: more from both, from one that the backup knows nothing of, and a new machine.
    assert replay(place, "first", "--at", "2026-11-17T09:10",
                  captures.OWN / "signup-story.pcap")[0] == 0
    assert replay(place, "second", "--at", "2026-11-18T09:00",
                  captures.OWN / "analytics-console.pcap")[0] == 0
    assert replay(place, "late", "--at", "2026-11-17T10:00", captures.OWN / "curl.pcap")[0] == 0
    assert collector.enrol("new")[0] == 0
    assert replay(place, "new", "--at", "2026-11-17T11:00", captures.OWN / "ipv6.pcap")[0] == 0
    before = as_multiset(collector.contacts())

    collector.kill()
    shutil.rmtree(collector.data)
    shutil.copytree(place.path("yesterday"), collector.data)
    collector.start()
    names = ("first", "second", "late", "new")
    assert len(as_multiset(collector.contacts())) < len(before)
    # Each comes back with something new; its tail since the backup comes before that.
    for day, name in enumerate(names, start=19):
        status, _, errors = replay(place, name, "--at", f"2026-11-{day}T09:00",
                                   captures.OWN / "openssl-python.pcap")
        assert status == 0, errors
    stored = as_multiset(collector.contacts())
    spooled = sorted(text for name in names for text in as_multiset(contacts(place, name)))
    assert stored == spooled, "what agents hold and what is stored differ"
    assert all(stored.count(text) >= before.count(text) for text in set(before))
    assert not any(agent["gaps"] for agent in
                   json.loads(collector.get("/api/v1/agents"))["agents"])
    # Counted once too: totals made anew from the batches are the same.
    digest = collector.digest("2026-W47")
    collector.process.terminate()
    assert collector.process.wait(timeout=60) == 0
    status, _, errors = place.run("gnomon-collector", "rebuild", "--data", collector.data, "--zone",
                                  "UTC")
    assert status == 0, errors
    collector.start()
    assert tools_in(collector.digest("2026-W47"), *USES) == tools_in(digest, *USES)


def test_a_backup_over_something_is_refused_in_one_sentence(place):
    collector = Collector(place)
    backup(place, collector, "one")
    for target in (place.path("one"), "/proc/gnomon"):
        status, _, errors = place.run("gnomon", "admin", "backup", "--data", collector.data, "--to",
                                      target)
        assert status == 1, (target, status, errors)
        assert_one_sentence(errors, "no backup was made")
    mode = place.path("one").stat().st_mode & 0o777
    assert mode == 0o700, f"it holds keys, and its mode is {mode:o}"


def small_disk(place, name, mebibytes):
    """A file system of its own that runs full; the caller unmounts it."""
    if os.geteuid() != 0:
        raise Skipped("a small file system of its own needs root")
    folder = place.path(name)
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)],
                      capture_output=True).returncode != 0:
        raise Skipped("no file system can be mounted here")
    return folder


def fill(folder, leave):
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    filler = folder / "filler"
    filler.write_bytes(b"x" * (free - leave))
    return filler


def test_a_collector_with_a_full_disk_stores_on_when_there_is_room(place):
    small = small_disk(place, "small", 160)
    try:
        collector = Collector(place, "small/collector")
        assert collector.enrol("ws")[0] == 0
        assert replay(place, "ws", "--at", AT, captures.OWN / "curl.pcap")[0] == 0
        assert collector.ready()[0] and collector.metric("store_accepting") == 1
        before = as_multiset(collector.contacts())
        filler = fill(small, 16 << 20)
        status, _, errors = replay(place, "ws", "--at", "2026-11-17T09:10", "--wait", "3",
                                   captures.OWN / "signup-story.pcap")
        assert status == 1, (status, errors)
        assert set(before) <= set(as_multiset(collector.contacts()))
        # It says so wherever somebody may look, and still talks.
        ready, why = collector.ready()
        assert not ready and "disk is full" in why, why
        health = json.loads(collector.get("/healthz"))
        assert health["status"] == "degraded" and "disk is full" in health["reason"], health
        assert collector.metric("store_accepting") == 0
        assert collector.metric('store_uploads_total{outcome="unavailable"}') > 0
        filler.unlink()
        # It goes on by itself: nobody has to send anything, or to start it again.
        wait_until(lambda: collector.ready()[0], 30, "the collector to accept again")
        status, _, errors = replay(place, "ws", "--at", "2026-11-17T09:10",
                                   captures.OWN / "signup-story.pcap")
        assert status == 0, errors
        assert as_multiset(collector.contacts()) == as_multiset(contacts(place, "ws"))
        collector.kill()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_a_collector_whose_disk_fails_keeps_its_agents_and_goes_on(place):
    fault = place.path("fault")
    collector = Collector(place, program="gnomon-soak-collector", env={
        "GNOMON_SOAK_NOTES": str(place.path("notes")), "GNOMON_SOAK_LINKS": str(place.path("links")),
        "GNOMON_SOAK_FAULT": str(fault)})
    assert collector.enrol("ws")[0] == 0
    assert replay(place, "ws", "--at", AT, captures.OWN / "curl.pcap")[0] == 0
    assert collector.ready()[0] and collector.metric("store_accepting") == 1
    connections = 'ingest_connections_total{resumed="no"}'
    for hour, kind in ((10, "writes"), (11, "syncs")):
        when = f"2026-11-17T{hour}:00"
        fault.write_text(kind)
        agent = place.start("gnomon-agent", "replay", "--log-level", "warn", "--data",
                            place.path("ws"), "--at", when, "--wait", "90",
                            captures.OWN / "signup-story.pcap", log=place.path("agent.log"))
        # It takes nothing, says so wherever somebody may look, and still talks.
        wait_until(lambda: not collector.ready()[0], 30, "the collector to notice its disk")
        ready, why = collector.ready()
        assert not ready and "Input/output error" in why, why
        health = json.loads(collector.get("/healthz"))
        assert health["status"] == "degraded" and "Input/output" in health["reason"], health
        assert collector.metric("store_accepting") == 0
        unavailable = 'ingest_batches_total{outcome="unavailable"}'
        wait_until(lambda: collector.metric(unavailable) > 0, 30, "an agent to be told")
        before = collector.metric(connections), collector.metric(unavailable)
        # Asked again on the same connection: it was kept.
        wait_until(lambda: collector.metric(unavailable) > before[1], 30, "the agent to ask again")
        assert collector.metric(connections) == before[0]
        assert agent.poll() is None
        fault.write_text("")
        # Nobody does anything: it goes on, and so does the agent that waits.
        wait_until(lambda: collector.ready()[0], 30, "the collector to accept again")
        assert agent.wait(120) == 0, place.path("agent.log").read_text()
        assert collector.metric("store_accepting") == 1
        assert as_multiset(collector.contacts()) == as_multiset(contacts(place, "ws"))
    collector.kill()


def test_a_collector_that_has_no_room_to_start_says_so_and_keeps_what_it_has(place):
    small = small_disk(place, "small", 160)
    try:
        collector = Collector(place, "small/collector")
        assert collector.enrol("ws")[0] == 0
        assert replay(place, "ws", "--at", AT, captures.OWN / "curl.pcap")[0] == 0
        before = as_multiset(collector.contacts())
        collector.kill()
        filler = fill(small, 0)
        status, _, errors = place.run("gnomon-collector", "serve", "--data", collector.data,
                                      "--listen", "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--http",
                                      "127.0.0.1:0", "--zone", "UTC", timeout=60)
        assert status == 2, (status, errors)
        assert_one_sentence(errors, "disk")
        filler.unlink()
        collector.start()
        assert as_multiset(collector.contacts()) == before
        collector.kill()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
