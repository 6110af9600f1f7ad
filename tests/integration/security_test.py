#!/usr/bin/env python3
"""What the programs keep to themselves and what they give up: rights, keys, logs, the spool; and a
certificate authority of the company's own.

    tests/integration/security_test.py --bin build/release/bin [TEST...]
"""
import base64
import json
import os
import pathlib
import pwd
import re
import subprocess
import sys
import time

import captures
from collector_test import Collector, replay
from policy_test import Agent, set_policy, status_of
from programs import Skipped, as_multiset, assert_one_sentence, wait_until
from replay_test import AT, contacts, main


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                          **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def threads_of(process):
    """What the kernel says of every thread: {name: value} of /proc/PID/task/*/status."""
    found = []
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def test_a_running_agent_has_given_up_what_it_does_not_need(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Agent(place, "ws")
    agent.is_running()
    threads = threads_of(agent.process)
    assert len(threads) >= 2
    dac_read_search, net_raw, sys_ptrace = 1 << 2, 1 << 13, 1 << 19
    for thread in threads:
        assert thread["NoNewPrivs"].strip() == "1", thread
        assert thread["Seccomp"].strip() == "2", thread
        assert int(thread["CapPrm"], 16) & net_raw == 0, thread
        assert int(thread["CapBnd"], 16) == 0 and int(thread["CapAmb"], 16) == 0, thread
        assert int(thread["CapEff"], 16) in (0, sys_ptrace | dac_read_search), thread
    # The thread that speaks to the network has no right at all.
    assert any(int(thread["CapPrm"], 16) == 0 for thread in threads), threads
    assert any(int(thread["CapPrm"], 16) & sys_ptrace for thread in threads), threads
    text = status_of(place, "ws")
    assert "Confined: rights kept to name programs; system calls by an allow-list; files by" in text
    wait_until(lambda: "Clock: agrees with the collector's to the second" in status_of(place, "ws"), 60,
               "the clocks to be compared")
    # It still does its work: the connection, a policy, the spool.
    agent.follows(set_policy(place, collector, "collect-evidence=no")["version"])
    agent.end()


def test_a_collector_started_by_root_has_no_rights(place):
    if os.geteuid() != 0:
        raise Skipped("only root has rights to give up")
    collector = Collector(place)
    for thread in threads_of(collector.process):
        assert int(thread["CapPrm"], 16) == 0 and thread["NoNewPrivs"].strip() == "1", thread
    assert "runs_as_root" in place.path("collector.log").read_text()


def test_a_collector_becomes_the_user_it_is_told(place):
    if os.geteuid() != 0:
        raise Skipped("only root can become another user")
    nobody = pwd.getpwnam("nobody")
    place.folder.chmod(0o755)
    data = place.path("served")
    log = place.path("served.log")
    process = place.start("gnomon-collector", "serve", "--data", data, "--user", "nobody", "--listen",
                          "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--http", "127.0.0.1:0", log=log)

    def listening():
        assert process.poll() is None, log.read_text()
        return (data / "ports.json").exists()

    wait_until(listening, 60, "the collector to listen")
    for thread in threads_of(process):
        assert thread["Uid"].split() == [str(nobody.pw_uid)] * 4, thread
        assert thread["Groups"].split() in ([], [str(nobody.pw_gid)]), thread
    assert data.stat().st_uid == nobody.pw_uid
    # A folder that is somebody else's and holds something is not taken over.
    other = place.path("others")
    other.mkdir(mode=0o700)
    (other / "something").touch()
    status, _, errors = place.run("gnomon-collector", "serve", "--data", other, "--user", "nobody",
                                  "--http", "127.0.0.1:0")
    assert status == 2
    assert_one_sentence(errors, "nobody")
    status, _, errors = place.run("gnomon-collector", "serve", "--data", data, "--user", "no-such-user")
    assert status == 2
    assert_one_sentence(errors, "no-such-user")


def test_a_key_that_others_may_read_stops_the_program(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    collector.kill()
    key = collector.data / "ca" / "agents.key"
    key.chmod(0o640)
    status, _, errors = place.run("gnomon-collector", "serve", "--data", collector.data, "--listen",
                                  "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert status == 2
    assert_one_sentence(errors, str(key), "0640", "chmod 600")
    identity = place.path("ws") / "identity" / "identity.pem"
    identity.chmod(0o604)
    status, _, errors = place.run("gnomon-agent", "replay", "--data", place.path("ws"),
                                  captures.OWN / "curl.pcap")
    assert status == 2
    assert_one_sentence(errors, str(identity), "0604")


def test_everything_kept_is_for_its_owner_alone(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    assert replay(place, "ws", "--at", AT, captures.OWN / "curl.pcap")[0] == 0
    for folder in (collector.data / "ca", place.path("ws")):
        assert folder.stat().st_mode & 0o077 == 0, folder
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
    assert (collector.data / "admin.sock").stat().st_mode & 0o077 == 0


def secrets_of(token, *folders):
    """Every text that must not be in a log: the token's secret, lines of keys, bytes of keys."""
    found = {token, *token.split(".")[2:3]}
    for folder in folders:
        for path in folder.rglob("*"):
            if not path.is_file():
                continue
            raw = path.read_bytes()
            if path.suffix == ".key" or path.name == "identity.pem":
                if b"PRIVATE KEY" in raw:
                    private = re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(.*?)-----END", raw,
                                        re.DOTALL)
                    found |= {line.decode() for line in private[1].split() if len(line) > 16}
                else:
                    found |= {raw.hex(), base64.b64encode(raw).decode().rstrip("=")}
    return found


def test_no_secret_is_in_any_log(place):
    collector = Collector(place)
    token = collector.token()
    logs = []
    for arguments in (["enrol", "--token", token, "--collector",
                       f"127.0.0.1:{collector.ports['enrol']}"],
                      ["replay", "--at", AT, captures.OWN / "signup-story.pcap"],
                      ["status"],
                      # Used up, so refused: what is refused is not repeated either.
                      ["enrol", "--token", token, "--collector",
                       f"127.0.0.1:{collector.ports['enrol']}"]):
        _, out, errors = place.run("gnomon-agent", *arguments, "--log-level", "debug", "--data",
                                   place.path("ws"))
        logs += [out, errors]
    set_policy(place, collector, "report-unknowns=yes")
    assert place.run("gnomon", "admin", "agents", "list", "--data", collector.data)[0] == 0
    logs.append(place.path("collector.log").read_text())
    logs.append(collector.get("/metrics"))
    secrets = secrets_of(token, collector.data / "ca", place.path("ws"))
    assert len(secrets) > 10, secrets
    text = "\n".join(logs)
    assert len(text) > 500, text
    for secret in secrets:
        assert secret not in text, "a secret is in a log"


def test_the_spool_tells_nothing_without_its_key(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    told = contacts(place, "ws")
    assert any(contact["tool"] == "trello" for contact in told)
    stored = b"".join(path.read_bytes() for path in (place.path("ws") / "spool").iterdir())
    for word in (b"trello", b"atlassian", b"signup"):
        assert word not in stored, word
    assert "Spool: encrypted with a key" in status_of(place, "ws")
    # Without the key nothing opens, and the agent goes on.
    (place.path("ws") / "spool.key").unlink()
    assert contacts(place, "ws") == []
    status, _, errors = replay(place, "ws", "--at", "2026-11-18T09:10", captures.OWN / "curl.pcap")
    assert status == 2
    assert_one_sentence(errors, "memory", "set aside")
    status, _, errors = replay(place, "ws", "--at", "2026-11-18T09:10", captures.OWN / "curl.pcap")
    assert status == 0, errors


def company_authority(folder, path_length, algorithm):
    """A root and an intermediate made with the openssl program, as a company's PKI would."""
    folder.mkdir()
    key = {"rsa": ["-newkey", "rsa:2048"],
           "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}[algorithm]
    openssl("req", "-x509", *key, "-nodes", "-keyout", folder / "root.key", "-out",
            folder / "root.crt", "-subj", "/O=Example/CN=Example Root", "-days", "3650", "-addext",
            "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-new", *key, "-nodes", "-keyout", folder / "gnomon.key", "-out",
            folder / "gnomon.csr", "-subj", "/O=Example/CN=Example Gnomon CA")
    (folder / "ext").write_text(
        f"basicConstraints=critical,CA:TRUE{path_length}\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("x509", "-req", "-in", folder / "gnomon.csr", "-CA", folder / "root.crt", "-CAkey",
            folder / "root.key", "-CAcreateserial", "-out", folder / "gnomon.crt", "-days", "730",
            "-extfile", folder / "ext")
    chain = folder / "chain.pem"
    chain.write_text((folder / "gnomon.crt").read_text() + (folder / "root.crt").read_text())
    return chain, folder / "gnomon.key"


def admin(place, collector, *arguments):
    return place.run("gnomon", "admin", *arguments, "--data", collector.data)


def import_and_work(place, path_length, algorithm):
    chain, key = company_authority(place.path("pki"), path_length, algorithm)
    collector = Collector(place)
    status, _, errors = admin(place, collector, "ca", "import", "--chain", chain, "--key", key)
    assert status == 0, errors
    collector.kill()
    collector.start()
    status, out, errors = admin(place, collector, "ca", "show", "--format", "json")
    assert status == 0, errors
    shown = json.loads(out)
    assert shown["root"] == "imported"
    assert shown["certificate"].strip() == (place.path("pki") / "root.crt").read_text().strip()
    status, _, errors = collector.enrol("ws")
    assert status == 0, errors
    policy = set_policy(place, collector, "collect-evidence=no")
    status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / "signup-story.pcap")
    assert status == 0, errors
    assert as_multiset(collector.contacts()) == as_multiset(contacts(place, "ws"))
    assert f"Policy: version {policy['version']}" in status_of(place, "ws")
    # The agent's certificate leads to the company's root, by openssl's own word.
    pem = (place.path("ws") / "identity" / "identity.pem").read_text()
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", pem,
                              re.DOTALL)
    leaf = place.path("leaf.crt")
    leaf.write_text(certificates[0])
    issuers = collector.data / "ca" / "agents.crt"
    between = place.path("between.pem")
    between.write_text((issuers.read_text() if issuers.exists() else "") +
                       (place.path("pki") / "gnomon.crt").read_text())
    openssl("verify", "-purpose", "sslclient", "-CAfile", place.path("pki") / "root.crt",
            "-untrusted", between, leaf)
    return collector


def test_a_company_authority_issues_below_itself(place):
    import_and_work(place, "", "rsa")


def test_a_company_authority_with_path_length_zero_signs_itself(place):
    collector = import_and_work(place, ",pathlen:0", "p384")
    # Another certificate of the same authority, good for clients, makes nobody an agent.
    pki = place.path("pki")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", pki / "other.key", "-out", pki / "other.csr", "-subj", "/CN=printer")
    (pki / "client").write_text("extendedKeyUsage=clientAuth\n")
    openssl("x509", "-req", "-in", pki / "other.csr", "-CA", pki / "gnomon.crt", "-CAkey",
            pki / "gnomon.key", "-CAcreateserial", "-out", pki / "other.crt", "-days", "7",
            "-extfile", pki / "client")
    subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{collector.ports['agents']}",
                    "-cert", str(pki / "other.crt"), "-key", str(pki / "other.key")],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    wait_until(lambda: 'ingest_refused_total{reason="foreign-certificate"} 1' in
               collector.get("/metrics"), 60, "the stranger to be refused")


def test_what_is_no_company_authority_is_refused_in_one_sentence(place):
    chain, key = company_authority(place.path("pki"), "", "p384")
    pki = place.path("pki")
    collector = Collector(place)
    alone = pki / "alone.pem"
    alone.write_text((pki / "gnomon.crt").read_text())
    turned = pki / "turned.pem"
    turned.write_text((pki / "root.crt").read_text() + (pki / "gnomon.crt").read_text())
    for wrong_chain, wrong_key, word in ((alone, key, "root last"), (chain, pki / "root.key", "belong"),
                                         (turned, pki / "root.key", "root"),
                                         (chain, chain, "key")):
        status, _, errors = admin(place, collector, "ca", "import", "--chain", wrong_chain, "--key",
                                  wrong_key)
        assert status == 1, (wrong_chain, errors)
        assert_one_sentence(errors, word)
    # Agents that are enrolled would be cut off: that must be said aloud.
    assert collector.enrol("ws")[0] == 0
    status, _, errors = admin(place, collector, "ca", "import", "--chain", chain, "--key", key)
    assert status == 1
    assert_one_sentence(errors, "--force")


def test_an_agent_over_its_budget_leaves_things_out_and_says_so(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Agent(place, "ws")
    agent.is_running()
    # What starting needed has been given back by then.
    wait_until(lambda: "connected=1" in agent.state(), 60, "the agent to connect")
    for _ in range(2):
        seen = agent.state()
        wait_until(lambda: agent.state() not in ("", seen), 60, "the agent to write its status")
    resident = int(pathlib.Path(f"/proc/{agent.process.pid}/statm").read_text().split()[1])
    mebibytes = resident * os.sysconf("SC_PAGESIZE") / (1 << 20)
    agent.end()
    # The smallest whole number that the agent fits into, at 80 % or more of it.
    limit = max(16, int(mebibytes / 0.9) + 1)
    if mebibytes < 0.82 * limit:
        raise Skipped(f"the agent takes {mebibytes:.1f} MiB: too little for the smallest limit")
    if mebibytes > 48:
        raise Skipped("a sanitized build has other limits")
    conf = place.path("agent.conf")
    conf.write_text(f"memory-mb = {limit}\n")
    agent = Agent(place, "ws", "--config", conf)
    wait_until(lambda: "Budget: over its budget: programs are not named" in
               status_of(place, "ws", "--config", conf), 60, "the first step")
    assert "agent.strained" in agent.log()
    agent.end()


def test_a_revoked_agent_is_cut_within_five_seconds(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    agent = Agent(place, "ws")
    wait_until(lambda: collector.metric("ingest_agents_connected") == 1, 60, "the agent to connect")
    row = json.loads(admin(place, collector, "agents", "list", "--format", "json")[1])
    began = time.monotonic()
    assert admin(place, collector, "revoke", row["id"])[0] == 0
    wait_until(lambda: collector.metric("ingest_agents_connected") == 0, 60, "the agent to be cut")
    took = time.monotonic() - began
    print(f"         a live connection was cut {1000 * took:.0f} ms after the command was given")
    assert took < 5, took
    assert collector.metric('ingest_refused_total{reason="revoked-live"}') == 1
    wait_until(lambda: "this agent was revoked" in agent.state(), 60, "the agent to know")
    agent.end()


def test_what_the_agent_remembers_is_sealed(place):
    collector = Collector(place)
    assert collector.enrol("ws")[0] == 0
    for name in ("signup-story", "analytics-console"):
        status, _, errors = replay(place, "ws", "--at", AT, captures.OWN / f"{name}.pcap")
        assert status == 0, errors
    status, told, _ = place.run("gnomon-agent", "explain", "--unknowns", "--json", "--data", place.path("ws"))
    names = [json.loads(line)["domain"] for line in told.splitlines() if line.strip()]
    assert status == 0 and names, told
    stored = (place.path("ws") / "memory").read_bytes()
    assert stored.startswith(b"GNSEAL01")
    for name in [*names, "trello"]:
        assert name.encode() not in stored, name


def test_admin_lists_what_there_is(place):
    collector = Collector(place)
    token = collector.token(3)
    assert collector.enrol("ws")[0] == 0
    status, out, _ = admin(place, collector, "token", "list", "--format", "json")
    tokens = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and sorted(row["state"] for row in tokens) == ["open", "used up"], tokens
    opened = next(row for row in tokens if row["state"] == "open")
    assert token.split(".")[1] == opened["id"] and opened["max_uses"] == "3"
    assert admin(place, collector, "token", "revoke", opened["id"])[0] == 0
    status, out, _ = admin(place, collector, "agents", "list", "--format", "json")
    row = json.loads(out)
    assert status == 0 and row["state"] == "active" and row["connected"] == "no", row
    status, out, _ = admin(place, collector, "agents", "show", row["id"], "--format", "json")
    assert status == 0 and json.loads(out)["machine"] != "", out
    assert admin(place, collector, "revoke", row["id"])[0] == 0
    status, out, _ = admin(place, collector, "agents", "list", "--state", "revoked")
    assert status == 0 and row["id"] in out
    status, out, _ = admin(place, collector, "agents", "auto-release", "yes")
    assert status == 0 and "yes" in out
    status, _, errors = admin(place, collector, "agents", "release", row["id"])
    assert status == 1
    assert_one_sentence(errors, "quarantine")
    status, _, errors = admin(place, collector, "review", "decide", "trello", "unsanctioned")
    assert status == 1
    assert_one_sentence(errors, "reason")
    assert admin(place, collector, "review", "decide", "trello", "trial", "--until", "30")[0] == 0
    status, out, _ = admin(place, collector, "review", "list")
    assert status == 0 and "trello" in out and "trial" in out
    assert admin(place, collector, "review", "back", "trello")[0] == 0
    for command in (["token"], ["token", "create"], ["agents", "list"], ["agents", "release"],
                    ["policy", "set"], ["policy", "show"], ["policy", "history"],
                    ["overlay", "show"], ["unknowns", "record"], ["ca", "import"], ["review", "decide"], ["revoke"]):
        status, out, _ = place.run("gnomon", "admin", *command, "--help")
        assert status == 0 and (len(command) == 1 and command != ["revoke"] or "Example" in out), out


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
