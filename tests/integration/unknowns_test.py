#!/usr/bin/env python3
"""Domains outside the catalogue, with the real programs: what leaves, when it can be read, and what
is known of them once the catalogue has learnt them.

    tests/integration/unknowns_test.py --bin build/release/bin [TEST...]
"""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import captures
import wiretap
from collector_test import Collector
from programs import Skipped, main, rows, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINE_ID = pathlib.Path("/etc/machine-id")

# Nobody's: .example is reserved (RFC 2606), and the label occurs nowhere else.
SECRET = "quietboard"
DOMAIN = f"{SECRET}.example"
FIRST, SECOND, LATER = "2026-11-16", "2026-11-17", "2026-11-19"


class Company:
    """A collector that asks for tokens, and workstations that enrolled with the company's key."""

    def __init__(self, place, *flags):
        self.place = place
        self.collector = Collector(place, options=("--unknowns", *flags))
        self.key = place.path("unknowns.key")
        self.visits = captures.visits(place.path("visits.pcap"),
                                      ["trello.com", f"app.{DOMAIN}", f"www.{DOMAIN}"])
        self.config = {}

    def join(self, name, allow=True, key=True, collector=None):
        arguments = ["--unknowns-key", self.key] if key else []
        status, token, errors = self.place.run("gnomon", "admin", "token", "create", "--data",
                                               self.collector.data, "--quiet", *arguments)
        assert status == 0, errors
        self.enrol_as_a_machine_of_its_own(name, token.strip())
        self.config[name] = self.place.path(f"{name}.conf")
        self.configure(name, allow, collector)

    def machine(self, name):
        """What to put before a program that runs on this machine: one that enrols again, or whose id changes, is not
        another device, so each needs an id of its own."""
        identity = self.place.path(f"{name}.machine-id")
        identity.write_text(hashlib.sha256(name.encode()).hexdigest()[:32] + "\n")
        if not MACHINE_ID.exists():
            return []
        mount = f"mount --bind {identity} {MACHINE_ID} && exec \"$@\""
        apart = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
        if subprocess.run([*apart, "true"], capture_output=True).returncode != 0:
            raise Skipped("machines of their own need a mount namespace")
        return [*apart, "sh", "-c", mount, "sh"]

    def enrol_as_a_machine_of_its_own(self, name, token):
        status, _, errors = self.place.run(
            "gnomon-agent", "enrol", "--data", self.place.path(name), "--token", token, "--collector",
            f"127.0.0.1:{self.collector.ports['enrol']}", by=self.machine(name))
        assert status == 0, errors

    def configure(self, name, allow, collector=None):
        self.config[name].write_text(
            f"report-unknowns = {'yes' if allow else 'no'}\n"
            + (f"collector = 127.0.0.1:{collector}\n" if collector else ""))

    def agent(self, command, name, *arguments):
        status, out, errors = self.place.run("gnomon-agent", command, "--config",
                                             self.config[name], "--data", self.place.path(name),
                                             *arguments, timeout=300, by=self.machine(name))
        assert status == 0, (command, name, errors)
        return out

    def live(self, name, day, *arguments):
        self.agent("replay", name, "--log-level", "warn", "--at", f"{day}T09:10", *arguments,
                   self.visits)

    def held(self, name):
        return {row["domain"]: row for row in rows(self.agent("explain", name, "--unknowns",
                                                              "--json"))}

    def listed(self):
        return json.loads(self.collector.get("/api/v1/unknowns"))["unknowns"]

    def record(self):
        status, out, errors = self.place.run("gnomon", "admin", "unknowns", "record", "--data",
                                             self.collector.data, "--format", "json")
        assert status == 0, errors
        return rows(out)


def holds(folder, text):
    """The files below a folder in which the text stands."""
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in
            path.read_bytes()]


def test_a_name_is_readable_only_when_enough_devices_have_met_it(place):
    company = Company(place)
    names = [f"ws{i}" for i in range(5)]
    company.join(names[0])
    tap = wiretap.Wiretap(company.collector.data, place.path(names[0]),
                          company.collector.ports["agents"], place.folder)
    company.configure(names[0], allow=True, collector=tap.port)
    for name in names[1:]:
        company.join(name)
    company.join("unwilling", allow=False)
    company.join("keyless", key=False)

    company.live(names[0], FIRST)
    assert not company.held(names[0])[DOMAIN]["token_left"], "one day is not enough"
    for name in [*names[:4], "unwilling", "keyless"]:
        company.live(name, FIRST, *(["--again"] if name == names[0] else []))
        company.live(name, SECOND)
    # Four devices hold it: nothing readable has left the first, and nothing is at the collector.
    stream = b"".join(map(bytes, tap.sent))
    assert len(wiretap.tokens(stream)) == 1, "the token of the one domain, once"
    assert b"trello" in tap.everything(), "the tap reads what is inside"
    assert SECRET.encode() not in tap.everything()
    assert holds(company.collector.data, "trello"), "the search finds what is stored in clear"
    assert not holds(company.collector.data, SECRET)
    assert SECRET not in place.path("collector.log").read_text()
    assert company.listed() == [] and company.record() == []
    for name in ("unwilling", "keyless"):
        assert DOMAIN in company.held(name), "remembered there"
        assert not company.held(name)[DOMAIN]["token_left"]
    # Sent again and again, a device stays one.
    for day in ("2026-11-25", "2026-12-04"):
        company.live(names[1], day)
    assert company.record() == []

    company.live(names[4], FIRST)
    company.live(names[4], SECOND)

    def revealed():
        # An agent is asked when it connects; whoever is away is not waited for.
        for name in names[:3]:
            company.live(name, LATER, "--again")
            if company.listed():
                return True
        return False

    wait_until(revealed, 120, "the domain to be revealed")
    (row,) = company.listed()
    assert row["domain"] == DOMAIN and row["devices"] == 5, row
    assert row["first_seen"] == FIRST, row
    assert row["next_step"] == f"gnomon rules new {DOMAIN}"
    asked, told = company.record()
    assert asked["outcome"] == "asked" and asked["devices"] == "5" and asked["domain"] == "-", asked
    assert told["outcome"] == "revealed" and told["domain"] == DOMAIN, told
    assert int(told["agreed"]) >= 2, told
    # Below the domain nothing is ever told.
    assert not holds(company.collector.data, f"app.{SECRET}")
    assert f"app.{SECRET}".encode() not in tap.everything()
    # The people at the workstations can see it.
    tellers = [name for name in names if company.held(name)[DOMAIN]["told"]]
    assert len(tellers) >= 2, tellers
    assert f"{DOMAIN}, on " in company.agent("status", tellers[0])
    assert "told to the collector" in company.agent("explain", tellers[0])
    assert not company.held("unwilling")[DOMAIN]["told"]
    assert "do not leave: report-unknowns = no" in company.agent("status", "unwilling")
    assert "no key" in company.agent("status", "keyless")
    # Digest and page tell it to everybody, with the next step and no more.
    digest = company.collector.digest("2026-W47")
    (line,) = digest["outside_catalogue"]
    assert line["key"] == DOMAIN and "5 devices" in line["text"], line
    assert DOMAIN in company.collector.get("/unknowns")
    tap.close()


def test_switched_off_at_the_collector_nothing_leaves(place):
    company = Company(place)
    company.collector.kill()
    company.collector.options = ()
    company.collector.start()
    company.join("ws")
    company.live("ws", FIRST)
    company.live("ws", SECOND)
    assert not company.held("ws")[DOMAIN]["token_left"]
    assert "the collector has not asked" in company.agent("status", "ws")
    assert company.collector.contacts(), "contacts with catalogued tools do leave"


def test_what_the_catalogue_learns_has_its_true_first_day(place):
    rules = place.path("rules")
    shutil.copytree(ROOT / "rules", rules, ignore=shutil.ignore_patterns("tools"))
    (rules / "tools").mkdir()
    shutil.copy(ROOT / "rules" / "tools" / "atlassian.yaml", rules / "tools")
    keys = place.path("keys")
    assert place.run("gnomon", "rules", "keygen", "--out", keys)[0] == 0

    def compile_pack(version):
        pack = place.path(f"v{version}.pack")
        status, out, errors = place.run("gnomon", "rules", "compile", rules, "--out", pack, "--key",
                                        keys / "pack.key", "--pack-version", version)
        assert status == 0, out + errors
        return ["--rules", pack, "--trust", keys / "catalogue.trust"]

    before = compile_pack(1)
    (rules / "tools" / "quietboard.yaml").write_text(
        "vendor: Quietboard\n"
        "tools:\n"
        "  - id: quietboard\n    name: Quietboard\n"
        f"    homepage: https://{DOMAIN}\n"
        "    category: project-management\n    jobs: [task-board]\n"
        "    hosts:\n"
        f"      - {{host: app.{DOMAIN}, role: app}}\n"
        f"      - {{host: www.{DOMAIN}, role: site}}\n")
    after = compile_pack(2)

    # The collector knows the new catalogue; tokens never leave: report-unknowns is no.
    collector = Collector(place, options=tuple(map(str, after)))
    company = Company.__new__(Company)
    company.place, company.collector, company.config = place, collector, {}
    company.visits = captures.visits(place.path("visits.pcap"),
                                     ["trello.com", f"app.{DOMAIN}", f"www.{DOMAIN}"])
    company.join("ws", allow=False, key=False)
    for day in (FIRST, SECOND):
        company.live("ws", day, *before)
    assert DOMAIN in company.held("ws")
    assert not [c for c in collector.contacts() if c["tool"] == "quietboard"]

    # Days later the pack comes; the workstation opens nothing of it any more.
    other = captures.visits(place.path("other.pcap"), ["trello.com"])
    company.agent("replay", "ws", "--log-level", "warn", "--at", "2026-11-24T09:10", *after, other)
    assert DOMAIN not in company.held("ws")
    recovered = [c for c in collector.contacts() if c["tool"] == "quietboard"]
    assert recovered and {c["stage"] for c in recovered} == {"visited"}, recovered
    assert {c["role"] for c in recovered} == {"app", "site"}, recovered
    assert all("recovered" in line["what"] for c in recovered for line in c["evidence"])
    tool = json.loads(collector.get("/api/v1/tools/quietboard?week=2026-W47"))
    assert tool["first_seen"].startswith(FIRST), tool
    assert tool["first_used"].startswith(FIRST), tool
    assert tool["new"], "in the week it was truly first used"
    # Told once: the next pack change finds nothing more.
    company.agent("replay", "ws", "--log-level", "warn", "--at", "2026-11-26T09:10", *after, other)
    assert len([c for c in collector.contacts() if c["tool"] == "quietboard"]) == len(recovered)


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
