#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets rule_pack and rulebook: make_seeds.py GNOMON-PROGRAM"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "corpus"
SUFFIXES = HERE.parents[1] / "support/suffixes.dat"

TOOL = """vendor: Atlassian
family:
  id: atlassian
  name: Atlassian
  homepage: https://www.atlassian.com
  hosts:
    - {host: id.atlassian.com, role: login}
    - {host: www.atlassian.com, role: site}
tools:
  - id: trello
    name: Trello
    homepage: https://trello.com
    category: design
    also: []
    jobs: [diagramming]
    plans: {free_tier: yes, self_signup: yes}
    signin: {password: yes, google: yes}
    sso: {saml: paid_tier, scim: no}
    data: [business-content, files]
    exposure: [public-links]
    tenancy: host
    status: "ended:2025"
    checked: 2026-11-22
    hosts:
      - {host: trello.com, role: app, audience: both, shared_with: [site, signup], note: "x"}
      - {host: .trellocdn.com, role: asset, conf: low}
      - {host: .trello.com, role: site, conf: low, labels: yes}
      - {host: "{tenant}.slack.com", role: app, reserved: [hooks], weight: strong, note: y}
      - {host: "us*.admin.mailchimp.com", role: app}
      - {host: "{tenant+}.deep.example.com", role: content}
      - {host: off.trello.com, deny: true}
    sequences:
      - {id: s, then: signup-likely, within: 30m, steps: [{role: site, optional: yes}, {host: id.atlassian.com}, {host: trello.com, min_flows: 5}], require: {first_ever: user}}
"""
FILES = [
    ("categories.yaml", "categories: [{id: design, label: Design, martech: yes}]\n"),
    ("jobs.yaml", "jobs: [{id: diagramming, label: D, category: design}]\n"),
    ("reserved.yaml", "reserved: [www, api]\nmeanings: [{role: login, labels: [sso]}, {role: app, weak: yes, labels: [my]}]\n"),
    ("model.yaml", "bias: {value: -6, min: -9, max: 0}\ncaptcha: 0.7\n"),
    ("shared.yaml", "never: [{host: .cloudfront.net, note: n}]\nhost_of_others: [{host: .netlify.app}]\ntunnels: [{host: .ngrok.io}]\n"),
    ("idp.yaml", "providers:\n  - {id: okta, name: Okta, kind: work, hosts: [{host: \"{tenant}.okta.com\"}]}\n"),
    ("signals.yaml", "captcha: [{host: .hcaptcha.com}]\nmail_click: [{host: .list-manage.com}]\npayment: []\nconsent: []\n"),
    ("blind-spots.yaml", "encrypted_dns: [{host: dns.google, provider: Google, addresses: [\"8.8.8.8\", \"2001:db8::1\"]}]\nech_public_names: []\nrelays: []\n"),
    ("noise.yaml", "browser: [{host: update.googleapis.com}]\nsystem: [{host: .windowsupdate.com}]\n"),
    ("tools/trello.yaml", TOOL),
]

(CORPUS / "rulebook").mkdir(parents=True, exist_ok=True)
(CORPUS / "rule_pack").mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    (root / "rules/tools").mkdir(parents=True)
    for number, (name, text) in enumerate(FILES):
        (root / "rules" / name).write_text(text)
        seed = name.split("/")[-1].removesuffix(".yaml")
        (CORPUS / "rulebook" / seed).write_bytes(bytes([number]) + text.encode())
    run = [sys.argv[1], "rules"]
    subprocess.run(run + ["keygen", "--out", root / "keys"], check=True)
    subprocess.run(run + ["compile", root / "rules", "--out", CORPUS / "rule_pack/small", "--key",
                          root / "keys/pack.key", "--suffixes", SUFFIXES, "--created",
                          "2026-11-22"], check=True)
    (CORPUS / "rule_pack/trust").write_bytes((root / "keys/catalogue.trust").read_bytes())
