#!/usr/bin/env python3
"""Policies, from `gnomon admin policy set` to what an agent does: taken, held to the machine's own
ceiling, and put back when the agent does not live with them.

    tests/integration/policy_test.py --bin build/release/bin [TEST...]
"""
import json
import os
import re
import signal
import sys

import captures
from collector_test import Collector, replay
from programs import Skipped, assert_one_sentence, kill_hard, wait_until
from replay_test import AT, contacts, main


def admin(place, collector, *arguments):
    return place.run("gnomon", "admin", *arguments, "--data", collector.data)


def set_policy(place, collector, *changes, reason="agreed"):
    status, out, errors = admin(place, collector, "policy", "set", *changes, "--reason", reason,
                                "--format", "json")
    assert status == 0, errors
    return json.loads(out)


def status_of(place, name, *arguments):
    status, out, errors = place.run("gnomon-agent", "status", "--data", place.path(name),
                                    *arguments)
    assert status == 0, errors
    return out


def line_of(text, key):
    """asked, allowed, in force, why: of one key in the table that `status` prints."""
    row = next(line for line in text.splitlines() if line.strip().startswith(key + " "))
    return re.split(r"\s+", row.strip(), maxsplit=4)[1:]


class Agent:
    """`gnomon-agent run` on the loopback interface."""

    def __init__(self, place, name, *arguments):
        if os.geteuid() != 0:
            raise Skipped("watching an interface needs root")
        self.place, self.name, self.arguments = place, name, arguments
        self.start()

    def start(self):
        self.process = self.place.start("gnomon-agent", "run", "--data", self.place.path(self.name),
                                        "--interfaces", "lo", *self.arguments,
                                        log=self.place.path("agent.log"))

    def follows(self, version):
        def asked():
            assert self.process.poll() is None, self.log()
            state = self.state()
            return (f"pid={self.process.pid}\n" in state and
                    f"policy_version={version}\n" in state)
        wait_until(asked, 60, f"policy {version} to be followed")

    def is_running(self):
        def asked():
            assert self.process.poll() is None, self.log()
            return f"pid={self.process.pid}\n" in self.state()
        wait_until(asked, 60, "the agent to run")

    def state(self):
        path = self.place.path(self.name) / "status"
        return path.read_text() if path.exists() else ""

    def log(self):
        return self.place.path("agent.log").read_text()[-3000:]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log()


def test_a_policy_reaches_the_agent_and_the_ceiling_holds(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    conf = place.path("agent.conf")
    conf.write_text("collect-users = no\n")
    agent = Agent(place, "ws", "--config", conf)
    policy = set_policy(place, collector, "collect-users=yes", "collect-evidence=no",
                        "window-minutes=60", "spool-days=366", "report-unknowns=yes")
    agent.follows(policy["version"])
    text = status_of(place, "ws", "--config", conf)
    assert line_of(text, "collect-users") == ["yes", "no", "no", "this machine does not allow it"]
    assert line_of(text, "collect-evidence")[:3] == ["no", "yes", "no"], text
    assert line_of(text, "report-unknowns")[:3] == ["yes", "no", "no"], text
    assert line_of(text, "window-minutes")[:3] == ["60", "15", "60"], text
    assert line_of(text, "spool-days")[:3] == ["366", "30", "30"], text
    # A change while connected comes at once, and back to nothing asked.
    later = set_policy(place, collector, "collect-evidence=default", "window-minutes=default")
    assert int(later["version"]) > int(policy["version"])
    agent.follows(later["version"])
    assert line_of(status_of(place, "ws", "--config", conf), "collect-evidence")[:3] == [
        "-", "yes", "yes"]
    agent.end()
    # The collector counts who follows.
    assert 'ingest_pushes_total{kind="policy",applied="yes"} 2' in collector.get("/metrics")


def test_what_the_policy_forbids_does_not_leave(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    policy = set_policy(place, collector, "collect-evidence=no")
    story = captures.OWN / "signup-story.pcap"
    # The first replay takes the policy down while it plays, the second begins with it.
    for day in ("2026-11-16", "2026-11-18"):
        status, _, errors = replay(place, "ws", "--at", f"{day}T09:10", story)
        assert status == 0, errors
    assert f"Policy: version {policy['version']}" in status_of(place, "ws")
    second = [c for c in contacts(place, "ws") if c["first_ns"] > 1_794_960_000 * 10**9]
    assert second and not any(c["evidence"] for c in second), second


def test_a_changed_policy_file_is_not_followed(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Agent(place, "ws")
    agent.follows(set_policy(place, collector, "collect-evidence=no")["version"])
    agent.end()
    path = place.path("ws") / "policy"
    good = bytearray(path.read_bytes())
    good[len(good) // 2] ^= 1
    path.write_bytes(good)
    text = status_of(place, "ws")
    assert "Policy: none; the stored policy is not followed" in text, text
    # The collector sees that this agent has none, and sends it again.
    agent.start()
    agent.is_running()
    wait_until(lambda: "Policy: version" in status_of(place, "ws"), 60, "the policy to come again")
    agent.end()


def test_a_policy_that_the_agent_does_not_live_with_is_put_back(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Agent(place, "ws")
    first = set_policy(place, collector, "collect-evidence=no")["version"]
    agent.follows(first)
    agent.end()
    (place.path("ws") / "policy.trial").unlink()  # the first one has proven itself
    agent.start()
    second = set_policy(place, collector, "collect-users=no")["version"]
    agent.follows(second)
    for _ in range(3):
        kill_hard(agent.process)
        agent.start()
        agent.follows(second)
    kill_hard(agent.process)
    agent.start()
    agent.follows(first)
    assert "push.rolled_back" in agent.log()
    # It is offered again and refused; the next one is taken.
    wait_until(lambda: 'ingest_pushes_total{kind="policy",applied="no"}' in
               collector.get("/metrics"), 60, "the policy to be refused")
    third = set_policy(place, collector, "collect-programs=no")["version"]
    agent.follows(third)
    agent.end()


def test_every_change_is_on_record(place):
    collector = Collector(place)
    set_policy(place, collector, "collect-users=no", reason="works council")
    set_policy(place, collector, "collect-users=default", reason="agreement of 2026")
    status, out, errors = admin(place, collector, "policy", "history", "--format", "json")
    assert status == 0, errors
    record = [json.loads(line) for line in out.splitlines()]
    assert [row["change"] for row in record] == ["collect-users: default -> no",
                                                 "collect-users: no -> default"], record
    assert [row["reason"] for row in record] == ["works council", "agreement of 2026"]
    assert all(row["by"] == f"uid {os.geteuid()}" for row in record), record
    # It survives the collector.
    collector.kill()
    collector.start()
    status, out, _ = admin(place, collector, "policy", "show", "--format", "json")
    assert status == 0 and json.loads(out)["version"] == record[-1]["version"]
    for changes, word in ((["colour=red"], "colour"), (["collect-users"], "collect-users=no"),
                          (["window-minutes=0"], "1440"), (["collect-users=default"], "nothing")):
        status, _, errors = admin(place, collector, "policy", "set", *changes)
        assert status != 0, changes
        assert_one_sentence(errors, word)


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
