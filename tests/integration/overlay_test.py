#!/usr/bin/env python3
"""The company's own rules: from the file people edit, through the collector, to agents and the digest.

    tests/integration/overlay_test.py --bin build/release/bin [TEST...]
"""
import json
import os
import signal
import sys

import captures
from collector_test import USES, Collector, replay, tools_in
from programs import Skipped, assert_one_sentence, main, wait_until
from replay_test import AT

# All of trello.com is the company's own board here: its word goes before the catalogue's narrower
# rules about each host below.
OWN_BOARD = """
tools:
  - id: board
    name: The Board
    homepage: https://trello.com
    category: project-management
    jobs: [task-board]
    hosts:
      - {host: .trello.com, role: app, audience: both}
      - {host: .trellocdn.com, role: asset}
tenants:
  - {tool: slack, tenant: acme}
sanctioned: [board, slack]
"""


class Company:
    """A collector with an overlay file, and the agents that take it."""

    def __init__(self, place, text):
        self.place = place
        self.file = place.path("overlay.yaml")
        self.file.write_text(text)
        self.collector = Collector(place, options=("--overlay", self.file))

    def admin(self, *words):
        return self.place.run("gnomon", "admin", *words, "--data", self.collector.data)

    def overlay(self):
        status, out, errors = self.admin("overlay", "show", "--format", "json")
        assert status == 0, errors
        return json.loads(out)

    def stands(self, tool):
        return json.loads(self.collector.get(f"/api/v1/tools/{tool}"))["standing"]


def watching(place, name):
    """An agent that watches this machine, for as long as it takes to be told the rules."""
    log = place.path(f"{name}.log")
    # The status of an earlier run would be taken for this one's.
    place.path(name).joinpath("status").unlink(missing_ok=True)
    agent = place.start("gnomon-agent", "run", "--data", place.path(name), log=log)

    def told():
        assert agent.poll() is None, log.read_text()
        return place.path(name).joinpath("status").exists()

    wait_until(told, 60, "the agent to start")
    return agent


def version_at(place, name):
    """The overlay version that the agent says it works with."""
    lines = place.path(name).joinpath("status").read_text().splitlines()
    return int(dict(line.split("=", 1) for line in lines if "=" in line)["overlay_version"])


def finish(place, name, agent):
    agent.send_signal(signal.SIGTERM)
    status = agent.wait(timeout=60)
    assert status == 0, (status, place.path(f"{name}.log").read_text())


def needs_root():
    if os.geteuid() != 0:
        raise Skipped("watching an interface needs root")


def test_a_tool_of_the_companys_own_reaches_the_digest(place):
    needs_root()
    company = Company(place, OWN_BOARD)
    assert company.collector.enrol("ws")[0] == 0
    agent = watching(place, "ws")
    version = int(company.overlay()["version"])
    wait_until(lambda: version_at(place, "ws") == version, 60, "the overlay to reach the agent")
    finish(place, "ws", agent)
    status, out, errors = place.run("gnomon-agent", "status", "--data", place.path("ws"))
    assert status == 0 and "own rules: version" in out, (out, errors)

    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    digest = company.collector.digest("2026-W47")
    found = [tool for section in USES for tool in digest.get(section, []) if tool["id"] == "board"]
    assert found and found[0]["name"] == "The Board", digest
    # Without the overlay the same capture tells of a likely sign-up at Trello.
    assert "trello" not in tools_in(digest, "likely_signups"), digest
    assert company.stands("board") == "sanctioned"
    assert "The Board" in company.collector.get("/tools/board")


def test_a_changed_file_reaches_agents_and_a_wrong_one_changes_nothing(place):
    needs_root()
    company = Company(place, OWN_BOARD)
    assert company.collector.enrol("ws")[0] == 0
    agent = watching(place, "ws")
    first = int(company.overlay()["version"])
    wait_until(lambda: version_at(place, "ws") == first, 60, "the first overlay")

    company.file.write_text(OWN_BOARD.replace("[task-board]", "[no-such-job]"))
    status, _, errors = company.admin("overlay", "load")
    assert status == 1
    assert_one_sentence(errors, "overlay.yaml:7", "no-such-job", f"version {first} stays in use")
    assert int(company.overlay()["version"]) == first

    company.file.write_text(OWN_BOARD.replace("[board, slack]", "[slack]"))
    status, out, errors = company.admin("overlay", "load", "--format", "json")
    assert status == 0, errors
    second = int(json.loads(out)["version"])
    assert second > first
    wait_until(lambda: version_at(place, "ws") == second, 60, "the second overlay")
    finish(place, "ws", agent)

    # What is in use outlives a restart of either side, whatever became of the file.
    company.collector.kill()
    company.file.write_text("tools: [")
    company.collector.start()
    shown = company.overlay()
    assert int(shown["version"]) == second and shown["state"] == "refused", shown
    agent = watching(place, "ws")
    assert version_at(place, "ws") == second
    finish(place, "ws", agent)


def test_new_keys_reach_agents_and_the_old_ones_are_refused(place):
    needs_root()
    company = Company(place, OWN_BOARD)
    assert company.collector.enrol("ws")[0] == 0
    agent = watching(place, "ws")
    first = int(company.overlay()["version"])
    wait_until(lambda: version_at(place, "ws") == first, 60, "the overlay to reach the agent")
    stolen = place.path("stolen.key")
    stolen.write_bytes((company.collector.data / "ca" / "overlay.key").read_bytes())

    status, out, errors = company.admin("overlay", "new-keys", "--format", "json")
    assert status == 0, errors
    second = int(json.loads(out)["version"])
    assert second > first and "back up" in json.loads(out)["text"], out
    wait_until(lambda: version_at(place, "ws") == second, 60, "the overlay with the new keys")
    finish(place, "ws", agent)
    assert "overlay.keys_followed" in place.path("ws.log").read_text()

    # Who has the old key makes an overlay of a greater version, and even lays it into place.
    forged = place.path("forged.pack")
    status, out, errors = place.run("gnomon", "rules", "overlay", "compile", company.file, "--out",
                                    forged, "--key", stolen, "--pack-version", str(second + 1000))
    assert status == 0, (out, errors)
    overlay = place.path("ws") / "overlay.pack"
    overlay.write_bytes(forged.read_bytes())
    agent = watching(place, "ws")
    wait_until(lambda: version_at(place, "ws") == second, 60, "the true overlay instead")
    finish(place, "ws", agent)
    assert "overlay.not_used" in place.path("ws.log").read_text()

    # A machine that enrols now learns the new keys, and a collector that starts now has them.
    company.collector.kill()
    company.collector.start()
    assert company.collector.enrol("newcomer")[0] == 0
    agent = watching(place, "newcomer")
    wait_until(lambda: version_at(place, "newcomer") == second, 60, "the overlay at the newcomer")
    finish(place, "newcomer", agent)


def test_checking_a_file_says_what_is_wrong_with_it(place):
    file = place.path("overlay.yaml")
    file.write_text(OWN_BOARD)
    status, out, errors = place.run("gnomon", "rules", "overlay", "check", file)
    assert status == 0 and "1 own tool" in out, (out, errors)
    file.write_text(OWN_BOARD + "deny:\n  - {host: trello.com}\nretired: [x]\n")
    status, out, errors = place.run("gnomon", "rules", "overlay", "check", file)
    assert status == 1 and "retired" in out, (out, errors)
    status, _, errors = place.run("gnomon", "rules", "overlay", "check", place.path("none.yaml"))
    assert status == 2
    assert_one_sentence(errors, "none.yaml")


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
