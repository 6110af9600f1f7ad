#!/usr/bin/env python3
"""One person's days, from names on the wire to the digest: a second computer, a first fortnight, whose part of a tool.

    tests/integration/person_test.py --bin build/release/bin [TEST...]
"""
import json
import sys

import made
from collector_test import Collector, replay, tools_in
from overlay_test import Company, finish, needs_root, version_at, watching
from programs import main, rows, wait_until

WEEK = "2026-W47"
TENANTS = "tenants:\n  - {tool: slack, tenant: acme}\nsanctioned: [slack]\n"

# What each of these does, as (seconds, host): what a browser greets, pages by pages.
SIGN_UP = [(0, "www.google.com"), (9, "asana.com"), (9.2, "assets.asana.biz"), (41, "developers.asana.com"),
           (70, "app.asana.com"), (70.3, "d1gwm4cf8hecp4.cloudfront.net"), (131, "app.asana.com"),
           (131.4, "sync.app.asana.com"), (190, "app.asana.com"), (250, "sync.app.asana.com")]
SIGN_IN = [(0, "app.asana.com"), (0.3, "d1gwm4cf8hecp4.cloudfront.net"), (7, "app.asana.com"), (7.3, "sync.app.asana.com"),
           (80, "app.asana.com"), (81, "sync.app.asana.com")]
BACK_AGAIN = [(0, "app.asana.com"), (0.4, "sync.app.asana.com"), (90, "app.asana.com"), (200, "sync.app.asana.com")]


def slack(tenant, slow):
    """Somebody reaches one organisation's part of Slack: at leisure, as who makes an account, or at once."""
    site = [(0, "www.google.com"), (6, "slack.com"), (6.2, "a.slack-edge.com"), (40, "slack.com")] if slow else []
    begin = 110 if slow else 0
    return site + [(begin, "app.slack.com"), (begin + 0.3, "ca.slack-edge.com"), (begin + 0.5, f"{tenant}.slack.com"),
                   (begin + 0.8, "wss-primary.slack.com"), (begin + 75, "app.slack.com"),
                   (begin + 76, f"{tenant}.slack.com"), (begin + 160, "wss-primary.slack.com")]


def played(place, name, story):
    """Writes a story as a capture."""
    path = place.path(f"{name}.pcap")
    with made.Capture(path) as capture:
        for seconds, host in story:
            capture.look_up(1_780_000_000 + seconds - 0.05, host)
            capture.greet(1_780_000_000 + seconds, host)
    return path


def live(place, device, day, story, *options):
    capture = played(place, f"{device}-{day}", story)
    status, _, errors = replay(place, device, *options, "--at", f"{day}T09:10", capture)
    assert status == 0, errors


def stages(place, device, tool):
    """The stages that the person at the computer is told, in the order of time, each once."""
    status, out, errors = place.run("gnomon-agent", "explain", "--json", "--data", place.path(device))
    assert status == 0, errors
    told = sorted((c["last_ns"], c["stage"]) for c in rows(out) if c["tool"] == tool)
    return list(dict.fromkeys(stage for _, stage in told))


def section(digest, name, tool):
    return next((entry for entry in digest.get(name, []) if tool in (entry.get("id"), entry.get("key"))), None)


def test_a_second_computer_of_the_same_person_is_no_second_sign_up(place):
    collector = Collector(place)
    for device in ("first", "second"):
        assert collector.enrol(device)[0] == 0
    live(place, "first", "2026-11-16", SIGN_UP)
    live(place, "second", "2026-11-17", SIGN_IN)
    live(place, "second", "2026-11-18", BACK_AGAIN)
    assert "signup-likely" in stages(place, "first", "asana"), stages(place, "first", "asana")
    assert stages(place, "second", "asana")[-1] == "active", stages(place, "second", "asana")
    assert "signup-likely" not in stages(place, "second", "asana")

    digest = collector.digest(WEEK)
    assert section(digest, "likely_signups", "asana")["devices"] == 1, digest
    assert section(digest, "in_use", "asana")["devices"] == 1, digest
    page = collector.get("/tools/asana")
    assert "A sign-up is likely" in page
    row = next(row for row in json.loads(collector.get("/api/v1/tools?limit=500"))["tools"] if row["id"] == "asana")
    assert {stage: devices["count"] for stage, devices in row["stages"].items()} == {"signup-likely": 1, "active": 1}, row
    assert row["likely_signup"]["confidence"] < 1, row


def test_what_is_met_in_the_first_fortnight_is_no_sign_up_and_what_comes_later_is(place):
    collector = Collector(place)
    assert collector.enrol("laptop")[0] == 0
    learning = ("--learning-days", "14")
    live(place, "laptop", "2026-11-02", SIGN_UP, *learning)
    assert "signup-likely" not in stages(place, "laptop", "asana"), stages(place, "laptop", "asana")
    live(place, "laptop", "2026-11-04", BACK_AGAIN, *learning)
    assert stages(place, "laptop", "asana")[-1] == "active", stages(place, "laptop", "asana")
    # A fortnight later the same steps with another tool are what they look like.
    heroku = [(0, "www.heroku.com"), (30, "signup.heroku.com"), (95, "id.heroku.com"), (96, "dashboard.heroku.com"),
              (96.5, "particleboard.heroku.com"), (180, "dashboard.heroku.com")]
    live(place, "laptop", "2026-11-18", heroku, *learning)
    assert "signup-likely" in stages(place, "laptop", "heroku"), stages(place, "laptop", "heroku")
    digest = collector.digest(WEEK)
    assert tools_in(digest, "likely_signups") == {"heroku"}, digest
    for week in ("2026-W45", "2026-W46"):
        assert not tools_in(collector.digest(week), "likely_signups"), week


def with_own_rules(place):
    """A company whose own part of Slack is `acme`, and a laptop that was told so."""
    needs_root()
    company = Company(place, TENANTS)
    assert company.collector.enrol("laptop")[0] == 0
    agent = watching(place, "laptop")
    version = int(company.overlay()["version"])
    wait_until(lambda: version_at(place, "laptop") == version, 60, "the company's rules to reach the laptop")
    finish(place, "laptop", agent)
    return company.collector


def test_the_companys_own_part_of_a_tool_is_no_sign_up(place):
    collector = with_own_rules(place)
    live(place, "laptop", "2026-11-16", slack("acme", slow=True))
    assert "signup-likely" not in stages(place, "laptop", "slack"), stages(place, "laptop", "slack")
    digest = collector.digest(WEEK)
    assert "slack" not in tools_in(digest, "likely_signups"), digest
    assert not section(digest, "others_tenants", "slack"), digest
    assert "acme (the company's own)" in collector.get("/tools/slack")
    status, out, _ = place.run("gnomon-agent", "explain", "--data", place.path("laptop"))
    assert status == 0 and "the company's own part of the tool" in out, out


def test_another_organisations_part_of_an_approved_tool_is_told(place):
    collector = with_own_rules(place)
    live(place, "laptop", "2026-11-16", slack("acme", slow=False))
    live(place, "laptop", "2026-11-17", slack("northwind-partners", slow=False))
    digest = collector.digest(WEEK)
    assert section(digest, "others_tenants", "slack"), digest
    assert "northwind" not in json.dumps(digest)
    assert "northwind-partners (not the company's)" in collector.get("/tools/slack")
    status, out, _ = place.run("gnomon-agent", "explain", "--data", place.path("laptop"))
    assert status == 0 and "somebody else's part of the tool" in out, out


def test_a_new_part_of_an_approved_tool_opened_here_is_a_likely_sign_up(place):
    collector = with_own_rules(place)
    live(place, "laptop", "2026-11-16", slack("lunch-club-2026", slow=True))
    assert "signup-likely" in stages(place, "laptop", "slack"), stages(place, "laptop", "slack")
    digest = collector.digest(WEEK)
    assert section(digest, "likely_signups", "slack"), digest
    assert section(digest, "others_tenants", "slack"), digest
    assert "lunch-club" not in json.dumps(digest)  # not even in the reasons of the sign-up
    assert "lunch-club-2026 (not the company's)" in collector.get("/tools/slack")


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
