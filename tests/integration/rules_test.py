#!/usr/bin/env python3
"""`gnomon rules` as somebody uses it who has just opened a shell: what it says, and how it ends.

    tests/integration/rules_test.py --bin build/release/bin [TEST...]
"""
import contextlib
import json
import os
import pathlib
import sys

from programs import assert_one_sentence, main

# A short list, so that no test depends on how new the machine's own is.
SUFFIXES = pathlib.Path(__file__).resolve().parents[1] / "support" / "suffixes.dat"

CLEAN = {
    "categories.yaml": 'categories:\n  - {id: project-management, label: "Project management"}\n'
                       '  - {id: design, label: "Design", martech: yes}\n',
    "jobs.yaml": 'jobs:\n  - {id: task-board, label: "Task board", category: project-management}\n'
                 '  - {id: diagramming, label: "Diagramming", category: design}\n',
    "reserved.yaml": "reserved: [www, api]\nmeanings:\n  - {role: login, labels: [login, sso]}\n"
                     "  - {role: asset, labels: [cdn]}\n",
    "model.yaml": "bias: {value: -6, min: -20, max: 0}\n",
    "shared.yaml": "never:\n  - {host: .cloudfront.net}\nhost_of_others: []\ntunnels: []\n",
    "idp.yaml": "providers:\n  - id: okta\n    name: Okta\n    kind: work\n    hosts:\n"
                '      - {host: "{tenant}.okta.com"}\n',
    "signals.yaml": "captcha:\n  - {host: .hcaptcha.com}\nmail_click: []\npayment: []\nconsent: []\n",
    "blind-spots.yaml": "encrypted_dns: []\nech_public_names: []\nrelays: []\n",
    "noise.yaml": "browser: []\nsystem: []\n",
    "tools/boards.yaml": "vendor: Boards Inc\n"
                         "tools:\n"
                         "  - id: boards\n"
                         "    name: Boards\n"
                         "    homepage: https://boards.example\n"
                         "    category: project-management\n"
                         "    jobs: [task-board]\n"
                         "    checked: 2026-11-20\n"
                         "    hosts:\n"
                         "      - {host: boards.example, role: site}\n"
                         "      - {host: app.boards.example, role: app}\n"
                         '      - {host: "{tenant}.boards.example", role: app}\n'
                         "      - {host: .boards.example, role: site, conf: low, labels: yes}\n",
}
BOARDS = CLEAN["tools/boards.yaml"]


def write_rules(place, changes=None, name="rules"):
    folder = place.path(name)
    for path, text in {**CLEAN, **(changes or {})}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)
    return folder


def boards(old, new):
    assert old in BOARDS, old
    return {"tools/boards.yaml": BOARDS.replace(old, new)}


def added(line):
    return {"tools/boards.yaml": BOARDS + f"      - {line}\n"}


# What somebody did, in which file and line it is found, its code, and the words that say what to do.
BROKEN = [
    ("a misspelt key", added("{host: a.boards.example, rol: app}"), "tools/boards.yaml:14",
     "unknown-key", "did you mean 'role'?"),
    ("a misspelt role", added("{host: a.boards.example, role: ap}"), "tools/boards.yaml:14",
     "unknown-word", "did you mean 'app'?"),
    ("no role", added("{host: a.boards.example}"), "tools/boards.yaml:14", "missing", "add it"),
    ("a category nobody defined", boards("project-management", "project-managment"),
     "tools/boards.yaml:6", "unknown-word", "did you mean 'project-management'?"),
    ("a job nobody defined", boards("task-board", "task-boards"), "tools/boards.yaml:7",
     "unknown-word", "did you mean 'task-board'?"),
    ("no name", boards("    name: Boards\n", ""), "tools/boards.yaml:3", "missing",
     "has no 'name'; add it"),
    ("a date the other way round", boards("2026-11-20", "20.11.2026"), "tools/boards.yaml:8",
     "bad-date", "write it as 2026-11-22"),
    ("the same host twice", added("{host: app.boards.example, role: api}"), "tools/boards.yaml:14",
     "twice", "merge the two"),
    ("a host of another tool",
     {"tools/second.yaml": BOARDS.replace("id: boards", "id: second").replace("Boards Inc", "Zed")},
     "tools/second.yaml:10", "same-pattern", "put it into the family of both"),
    ("an id that is taken", {"tools/second.yaml": BOARDS}, "tools/second.yaml:3", "duplicate-id",
     "tools/boards.yaml:3"),
    ("a whole registry", added("{host: .co.uk, role: site}"), "tools/boards.yaml:14",
     "public-suffix", "name the domain itself"),
    ("an address", added("{host: 192.0.2.7, role: app}"), "tools/boards.yaml:14", "ip-literal",
     "name the host"),
    ("a link instead of a host", added('{host: "https://boards.example/x", role: app}'),
     "tools/boards.yaml:14", "bad-pattern", "leave out scheme"),
    ("capital letters", added("{host: App.boards.example, role: app}"), "tools/boards.yaml:14",
     "bad-pattern", "lower case"),
    ("shared infrastructure", added("{host: .cloudfront.net, role: asset}"), "tools/boards.yaml:14",
     "never-matches", "name exact hosts here"),
    ("a weight without a word why", added("{host: a.boards.example, role: app, weight: strong}"),
     "tools/boards.yaml:14", "weight-without-note", "'note' that says why"),
    ("labels where nothing is below", added("{host: a.boards.example, role: app, labels: yes}"),
     "tools/boards.yaml:14", "labels-without-suffix", "use a suffix"),
    ("a family nobody defined", boards("    checked:", "    family: nobody\n    checked:"),
     "tools/boards.yaml:3", "unknown-family", "define it in one file"),
    ("a number outside its limits", {"model.yaml": "bias: {value: 3, min: -20, max: 0}\n"},
     "model.yaml:1", "out-of-range", "its own min and max"),
    ("a file that is no YAML", {"jobs.yaml": "jobs: [\n"}, "jobs.yaml:2", "yaml", "not valid YAML"),
    ("a file that is gone", {"noise.yaml": None}, "noise.yaml:1", "missing-file",
     "every part must be there"),
    ("a denied host with a role", added("{host: x.boards.example, role: app, deny: true}"),
     "tools/boards.yaml:14", "deny-with-role", "leave one of them out"),
]


def test_broken_rules_are_told_by_file_line_and_what_to_do(place):
    assert len(BROKEN) >= 20
    for number, (what, changes, where, code, advice) in enumerate(BROKEN):
        folder = write_rules(place, changes, f"broken-{number}")
        status, out, errors = place.run("gnomon", "rules", "check", folder, "--suffixes", SUFFIXES)
        assert status == 1, (what, status, out, errors)
        lines = [line for line in out.splitlines() if line.startswith(where + ": error: ")]
        assert lines and lines[0].endswith(f"[{code}]"), (what, out)
        assert advice in lines[0], (what, lines[0])
        assert "Sanitizer" not in errors, errors


def test_good_rules_pass_and_nothing_is_said_but_so(place):
    status, out, errors = place.run("gnomon", "rules", "check", write_rules(place), "--suffixes",
                                    SUFFIXES)
    assert (status, out, errors) == (0, "0 errors, 0 warnings\n", ""), (status, out, errors)


def test_strict_fails_on_a_warning_too(place):
    folder = write_rules(place, boards("2026-11-20", "2024-11-20"))
    arguments = ("gnomon", "rules", "check", folder, "--suffixes", SUFFIXES)
    status, out, _ = place.run(*arguments)
    assert status == 0 and "[stale]" in out and "0 errors, 1 warnings" in out, out
    assert place.run(*arguments, "--strict")[0] == 1


def test_every_command_shows_an_example(place):
    for words in ("check", "compile", "sign", "verify", "keygen", "match", "explain", "new", "stats",
                  "diff", "overlay check", "overlay compile"):
        status, out, errors = place.run("gnomon", "rules", *words.split(), "--help")
        assert status == 0, (words, errors)
        assert f"Example: gnomon rules {words}" in out, (words, out)


def test_questions_are_answered_in_words(place):
    folder = write_rules(place)

    def explain(host):
        status, out, errors = place.run("gnomon", "rules", "explain", "--folder", folder, host)
        assert status == 0, errors
        return out

    assert "Boards (boards); role app" in explain("https://APP.boards.example/tasks?id=1")
    assert "tenant acme" in explain("acme.boards.example")
    reserved = explain("www.boards.example")
    assert "'www' is a reserved label, so no tenant" in reserved and "role site" in reserved
    assert "leaves the role to common labels: 'sso'" in explain("x.sso.boards.example")
    assert "look-alikes never match" in explain("boardz.example")
    assert "identity provider Okta: a hint" in explain("acme.okta.com")
    assert "IP addresses have no rules" in explain("192.0.2.1")

    status, out, _ = place.run("gnomon", "rules", "match", "--folder", folder, "--all",
                               "cdn.x.boards.example", "nobody.example")
    known, unknown = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and (known["tool"], known["role"]) == ("boards", "asset"), known
    assert unknown["tool"] is None and unknown["meaning"] == "unknown", unknown


def test_a_template_becomes_a_tool(place):
    folder = write_rules(place)
    status, out, errors = place.run("gnomon", "rules", "new", "--folder", folder,
                                    "app.newtool.example")
    assert status == 0, errors
    for place_holder, value in (("<company>", "New"), ("<name>", "New Tool"), ("<app?>", "app"),
                                ("<one of rules/categories.yaml>", "design"),
                                ("<of rules/jobs.yaml>", "diagramming")):
        assert place_holder in out, out
        out = out.replace(place_holder, value)
    (folder / "tools" / "newtool.yaml").write_text(out)
    status, said, _ = place.run("gnomon", "rules", "check", folder, "--suffixes", SUFFIXES)
    assert status == 0, said
    status, _, errors = place.run("gnomon", "rules", "new", "--folder", folder, "app.newtool.example")
    assert status == 2
    assert_one_sentence(errors, "is in the catalogue already", "New Tool")


def compiled(place, name, changes=None):
    pack = place.path(name)
    status, out, errors = place.run(
        "gnomon", "rules", "compile", write_rules(place, changes, name + ".rules"), "--out", pack,
        "--key", place.path("keys") / "pack.key", "--suffixes", SUFFIXES,
        env={"SOURCE_DATE_EPOCH": "1795348800"})
    assert status == 0, (out, errors)
    return pack


def test_a_pack_is_made_verified_and_compared(place):
    status, out, errors = place.run("gnomon", "rules", "keygen", "--out", place.path("keys"))
    assert status == 0 and "Keep" in out and "offline" in out, errors
    trust = place.path("keys") / "catalogue.trust"
    for secret in ("root.key", "pack.key"):
        assert os.stat(place.path("keys") / secret).st_mode & 0o077 == 0, secret
    first = compiled(place, "first.pack")
    assert first.read_bytes() == compiled(place, "again.pack").read_bytes()
    changed = compiled(place, "second.pack", {
        **boards("app.boards.example, role: app", "app.boards.example, role: client"),
        **{"tools/more.yaml": BOARDS.replace("boards", "more").replace("Boards", "More")}})

    status, out, _ = place.run("gnomon", "rules", "diff", first, changed, "--trust", trust)
    assert status == 0, out
    assert "+ tool more (More)" in out and "+ more.example  more site" in out, out
    assert "~ app.boards.example  boards app user high -> boards client user high" in out, out
    status, out, _ = place.run("gnomon", "rules", "diff", first, first, "--trust", trust)
    assert status == 0 and out.startswith("0 changes"), out

    status, out, _ = place.run("gnomon", "rules", "verify", first, "--trust", trust,
                               "--at", "2026-11-23")
    assert status == 0 and out.startswith("good: version "), out
    for words, reason in ((("--at", "2028-01-01"), "refused (expired)"),
                          (("--at", "2026-11-23", "--min-version", "2999999999"),
                           "refused (older-version)")):
        status, out, _ = place.run("gnomon", "rules", "verify", first, "--trust", trust, *words)
        assert status == 1 and out.startswith(reason), out
    damaged = bytearray(first.read_bytes())
    damaged[-1] ^= 1
    first.write_bytes(damaged)
    status, out, _ = place.run("gnomon", "rules", "verify", first, "--trust", trust,
                               "--at", "2026-11-23")
    assert status == 1 and out.startswith("refused (damaged)"), out


def test_counting_rules_or_a_pack(place):
    folder = write_rules(place)
    status, out, errors = place.run("gnomon", "rules", "stats", folder)
    assert status == 0, errors
    assert out.startswith("1 tools, 0 families, 7 rules"), out
    assert "jobs without a tool: diagramming" in out, out
    status, out, errors = place.run("gnomon", "rules", "stats", folder, "--json")
    assert status == 0 and json.loads(out)["roles"] == {"app": 2, "site": 2}, out
    # The installed catalogue, without a folder of rules anywhere near.
    with contextlib.chdir(place.path("")):
        folder.rename(place.path("elsewhere"))
        status, out, errors = place.run("gnomon", "rules", "stats", "--json")
    assert status == 0 and json.loads(out)["tools"] > 1000, (out[:200], errors)


def test_what_cannot_be_done_is_one_sentence_and_status_2(place):
    for words, said in (
            (("stats", place.path("nowhere")), "name the rules folder"),
            (("match", "--folder", place.path("nowhere"), "a.example"), "there are no rules in"),
            (("match", "--rules", place.path("no.pack"), "--trust", place.path("no.trust"), "x.example"),
             "no.trust"),
            (("new", "localhost"), "no host below a registrable domain"),
            (("compile", write_rules(place), "--out", place.path("p"), "--created", "yesterday"),
             "2026-11-22T08:00:00Z"),
            (("overlay", "check", place.path("none.yaml")), "none.yaml")):
        status, _, errors = place.run("gnomon", "rules", *words)
        assert status == 2, (words, status, errors)
        assert_one_sentence(errors, said)


def test_an_overlay_says_whose_a_host_is(place):
    """Asked over the installed catalogue: a company's word goes before its narrower rules."""
    file = place.path("overlay.yaml")
    file.write_text("""tools:
  - id: board
    name: The Board
    homepage: https://trello.com
    category: project-management
    jobs: [task-board]
    hosts:
      - {host: .trello.com, role: app}
""")
    status, out, errors = place.run("gnomon", "rules", "overlay", "check", file)
    assert status == 0, (out, errors)
    assert "overlay.yaml:8: warning: '.trello.com' takes" in out and "[takes-along]" in out, out
    status, out, errors = place.run("gnomon", "rules", "explain", "--overlay", file, "api.trello.com",
                                    "trello.com")
    assert status == 0, errors
    assert "api.trello.com: The Board (board); role api" in out, out
    assert "role by       api.trello.com, the catalogue's narrower rule" in out, out
    assert "trello.com: The Board (board); role app" in out, out


if __name__ == "__main__":
    sys.exit(main(sys.modules[__name__]))
