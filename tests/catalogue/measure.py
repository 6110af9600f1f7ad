#!/usr/bin/env python3
"""Measures the catalogue on hosts whose meaning was labelled without looking at its rules.

    measure.py --gnomon build/release/bin/gnomon                 the pack beside the program
    measure.py --gnomon ... --rules FILE --trust FILE            another pack
    measure.py --gnomon ... --folder rules                       a rules folder, compiled on the fly
    measure.py --answers FILE                                    answers kept from an earlier run
    measure.py ... --misses [tune|held|all]                      also every miss, one a line
    measure.py ... --half tune                                   one half only

The set is labelled-hosts.tsv; README.md says what counts as what. Ends with 0 when every gate
holds, with 1 when one does not, with 2 when something could not be read or run. The gates are
options, so that a stricter day can ask for more.
"""
import argparse
import collections
import csv
import fnmatch
import hashlib
import json
import math
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROLES = ["site", "signup", "login", "app", "client", "api", "embed", "content", "link", "asset", "idp"]
# What a contact with such a host says about the person: use, interest, or nothing.
USE = {"signup", "login", "app", "client"}
ABOVE_EMBED = USE | {"site", "api"}
NO_USE = {"embed", "content", "link", "asset", "idp"}
TIERS = [("ranks 1-300", 1, 300), ("ranks 301-800", 301, 800), ("ranks 801-1500", 801, 10**6)]
MADE_UP = {"blumenhof", "northwind", "kestrel-labs"}


class SetError(Exception):
    """The labelled set or an answer is not of its form."""


class Row:
    """One labelled host and what the catalogue said about it."""

    def __init__(self, number, fields):
        self.number = number
        self.host = fields["host"]
        self.kind = fields["kind"]
        self.tools = [] if fields["tool"] == "-" else fields["tool"].split("|")
        self.roles = fields["role"].split("|")
        self.audiences = [] if fields["audience"] == "-" else fields["audience"].split("|")
        self.rank = None if fields["rank"] == "-" else int(fields["rank"])
        self.source = fields["source"]
        self.note = fields["note"]
        self.answer = None
        if self.kind not in ("positive", "negative"):
            raise SetError(f"line {number}: kind is positive or negative, not '{self.kind}'")
        if (self.kind == "positive") != bool(self.tools):
            raise SetError(f"line {number}: a positive names its tools, a negative has '-'")
        unknown = [r for r in self.roles if r not in ROLES and not (r == "none" and not self.tools)]
        if unknown:
            raise SetError(f"line {number}: no such role: {unknown[0]}")
        if not self.source or self.source == "-":
            raise SetError(f"line {number}: every row says where it is from")

    @property
    def half(self):
        """'tune' or 'held', decided by the host alone, so that it never changes."""
        return "tune" if hashlib.sha256(self.host.encode()).digest()[0] % 2 == 0 else "held"

    @property
    def tool(self):
        return self.answer["tool"]

    @property
    def role(self):
        return self.answer["role"]

    @property
    def tool_right(self):
        """An identity provider is no tool in use: a row that allows idp is right without a tool."""
        if self.tool is None:
            return self.role == "idp" and "idp" in self.roles
        return any(fnmatch.fnmatchcase(self.tool, wanted) for wanted in self.tools)

    @property
    def role_right(self):
        return self.role in self.roles

    @property
    def is_embed(self):
        """True for hosts that never mean use: the first label is embed and no other says use."""
        return self.kind == "positive" and self.roles[0] == "embed" and not ABOVE_EMBED & set(self.roles)

    @property
    def is_use(self):
        return self.kind == "positive" and self.roles[0] in USE and not NO_USE & set(self.roles)

    @property
    def named(self):
        return self.tool is not None

    @property
    def wrongly_named(self):
        """For negatives: named as a tool's host in a role that the row does not tolerate."""
        return self.named and self.role not in self.roles

    def line(self):
        said = f"{self.tool or 'nothing'}/{self.role or '-'}"
        wanted = ("|".join(self.tools) or "none") + "/" + "|".join(self.roles)
        return f"{self.half}  {self.host:<52} said {said:<36} label {wanted}"


def read_set(path):
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [Row(number, fields) for number, fields in enumerate(reader, 2)]
    seen = collections.Counter(row.host for row in rows)
    twice = [host for host, count in seen.items() if count > 1]
    if twice:
        raise SetError(f"labelled twice: {', '.join(twice)}")
    return rows


def ask(options, rows):
    """Runs `gnomon rules match` once for all hosts, or reads kept answers."""
    if options.answers:
        text = pathlib.Path(options.answers).read_text(encoding="utf-8")
    else:
        command = [options.gnomon, "rules", "match", "--all"]
        for name in ("rules", "trust", "folder"):
            if getattr(options, name):
                command += [f"--{name}", getattr(options, name)]
        done = subprocess.run(command, input="".join(row.host + "\n" for row in rows),
                              capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise SetError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        text = done.stdout
    if options.keep:
        pathlib.Path(options.keep).write_text(text, encoding="utf-8")
    by_host = {}
    for line in text.splitlines():
        answer = json.loads(line)
        by_host[answer["host"]] = answer
    for row in rows:
        row.answer = by_host.get(row.host)
        if row.answer is None:
            raise SetError(f"no answer for {row.host}")


def wilson(hits, total):
    """The 95 % Wilson score interval of hits out of total."""
    if total == 0:
        return 0.0, 1.0
    z = 1.959964
    share = hits / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(hits, total):
    low, high = wilson(hits, total)
    if total == 0:
        return "      -"
    return f"{100 * hits / total:5.1f} %  ({hits} of {total}; 95 %: {100 * low:.1f} to {100 * high:.1f})"


def positives(rows):
    return [row for row in rows if row.kind == "positive"]


def negatives(rows):
    return [row for row in rows if row.kind == "negative"]


def print_figures(title, rows):
    plus, minus = positives(rows), negatives(rows)
    right = [row for row in plus if row.tool_right]
    wrong = [row for row in plus if row.named and not row.tool_right]
    wrong_minus = [row for row in minus if row.wrongly_named]
    print(f"\n{title}")
    if plus:
        print(f"  tool recall            {rate(len(right), len(plus))}")
        print(f"  tool precision         {rate(len(right), len(right) + len(wrong) + len(wrong_minus))}")
        print(f"  role right, given tool {rate(sum(row.role_right for row in right), len(right))}")
        print(f"  tool and role right    {rate(sum(row.role_right for row in right), len(plus))}")
    if minus:
        above = [row for row in minus if row.named and row.role in ABOVE_EMBED - set(row.roles)]
        print(f"  negatives named        {rate(len(wrong_minus), len(minus))}")
        print(f"  ... above embed        {rate(len(above), len(minus))}")


def print_confusion(rows):
    """Rows are labels (the one met, or the first), columns are answers."""
    right = [row for row in positives(rows) if row.tool_right]
    table = collections.Counter()
    for row in right:
        table[(row.role if row.role_right else row.roles[0], row.role)] += 1
    print("\nroles where the tool is right: label down, answer across")
    print("  " + " " * 8 + "".join(f"{role:>8}" for role in ROLES))
    for wanted in ROLES:
        counts = [table[(wanted, said)] for said in ROLES]
        if any(counts):
            print(f"  {wanted:<8}" + "".join(f"{count or '.':>8}" for count in counts))


def embed_as_use(rows):
    """Embeds, whatever tool was named, that the catalogue calls use: the error that counts most."""
    return [row for row in rows if row.is_embed and row.named and row.role in USE]


def print_app_embed(rows):
    embeds = [row for row in rows if row.is_embed]
    uses = [row for row in rows if row.is_use]
    above = [row for row in embeds if row.named and row.role in ABOVE_EMBED - USE]
    under = [row for row in uses if row.tool_right and row.role in NO_USE]
    print("\napp and embed")
    print(f"  embeds called use (app, login, signup, client)   {rate(len(embed_as_use(rows)), len(embeds))}")
    print(f"  embeds called site or api                        {rate(len(above), len(embeds))}")
    print(f"  use called embed, asset, content, link           {rate(len(under), len(uses))}")


def print_asides(rows):
    """Figures that no gate watches."""
    right = [row for row in positives(rows) if row.tool_right and row.named]
    heard = [row for row in right if row.audiences and row.role_right and row.answer["audience"]]
    fit = [row for row in heard if row.answer["audience"] in row.audiences + ["any", "both"]]
    tenants = [row for row in right if MADE_UP & set(row.host.split(".")) and row.answer["tenant"] is not None]
    expected = [row for row in right if MADE_UP & set(row.host.split("."))]
    print("\nasides")
    print(f"  audience fits          {rate(len(fit), len(heard))}")
    print(f"  tenant label shown     {rate(len(tenants), len(expected))}")
    for word in ("high", "medium", "low"):
        part = [row for row in positives(rows) if row.named and row.answer["confidence"] == word]
        print(f"  right at {word:<7}       {rate(sum(row.tool_right and row.role_right for row in part), len(part))}")


def misses(rows):
    for row in rows:
        if row.kind == "positive" and not row.tool_right:
            yield ("no tool" if not row.named else "wrong tool"), row
        elif row.kind == "positive" and not row.role_right:
            yield ("embed as use" if row in embed_as_use([row]) else "role"), row
        elif row.kind == "negative" and row.wrongly_named:
            yield "negative named", row


def gates(options, rows):
    """Yields (what, value, limit, holds) for each gate, over all rows that were measured."""
    plus, minus = positives(rows), negatives(rows)
    right = [row for row in plus if row.tool_right]
    wrong = [row for row in plus if row.named and not row.tool_right]
    wrong_minus = [row for row in minus if row.wrongly_named]
    embeds = [row for row in rows if row.is_embed]

    def share(hits, total):
        return hits / total if total else 1.0

    recall = share(len(right), len(plus))
    precision = share(len(right), len(right) + len(wrong) + len(wrong_minus))
    role = share(sum(row.role_right for row in right), len(right))
    bad_embeds = share(len(embed_as_use(rows)), len(embeds)) if embeds else 0.0
    above = sum(row.named and row.role in ABOVE_EMBED - set(row.roles) for row in minus)
    yield "tool recall", recall, options.min_recall, recall >= options.min_recall
    yield "tool precision", precision, options.min_precision, precision >= options.min_precision
    yield "role right, given tool", role, options.min_role, role >= options.min_role
    yield "embeds called use", bad_embeds, options.max_embed_use, bad_embeds <= options.max_embed_use
    yield "negatives above embed", above, options.max_negatives_above, above <= options.max_negatives_above
    yield ("negatives named", len(wrong_minus), options.max_negatives_named,
           len(wrong_minus) <= options.max_negatives_named)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gnomon", help="program to measure")
    parser.add_argument("--rules", help="rule pack (default: the one beside the program)")
    parser.add_argument("--trust", help="trust file of the pack")
    parser.add_argument("--folder", help="a rules folder instead of a pack")
    parser.add_argument("--answers", help="answers of an earlier run instead of a program")
    parser.add_argument("--keep", help="write the answers here")
    parser.add_argument("--set", default=str(HERE / "labelled-hosts.tsv"), help="labelled hosts")
    parser.add_argument("--half", choices=["tune", "held"], help="one half only")
    parser.add_argument("--misses", nargs="?", const="all", choices=["tune", "held", "all"])
    # The gates. Embeds and negatives above embed are promises; the others are what the first
    # measurement gave, less some room for the set to grow (docs/accuracy-catalogue.md).
    parser.add_argument("--min-recall", type=float, default=0.97)
    parser.add_argument("--min-precision", type=float, default=0.98)
    parser.add_argument("--min-role", type=float, default=0.97)
    parser.add_argument("--max-embed-use", type=float, default=0.01)
    parser.add_argument("--max-negatives-above", type=int, default=0)
    parser.add_argument("--max-negatives-named", type=int, default=3)
    options = parser.parse_args()
    if bool(options.gnomon) == bool(options.answers):
        parser.error("name a program with --gnomon, or kept answers with --answers")
    try:
        rows = read_set(options.set)
        ask(options, rows)
    except (SetError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(f"measure.py: {error}", file=sys.stderr)
        return 2
    if options.half:
        rows = [row for row in rows if row.half == options.half]

    plus = positives(rows)
    print(f"{len(plus)} positives over {len({row.tools[0] for row in plus})} products, "
          f"{sum(row.is_embed for row in rows)} embeds, {len(negatives(rows))} negatives")
    print_figures("all", rows)
    if not options.half:
        for half in ("tune", "held"):
            print_figures(f"half '{half}'", [row for row in rows if row.half == half])
    for title, first, last in TIERS:
        print_figures(title, [row for row in plus if row.rank is not None and first <= row.rank <= last])
    print_confusion(rows)
    print_app_embed(rows)
    print_asides(rows)
    if options.misses:
        print("\nmisses")
        for why, row in sorted(misses(rows), key=lambda miss: miss[0]):
            if options.misses in ("all", row.half):
                print(f"  {why:<15} {row.line()}")

    print("\ngates")
    failed = False
    for what, value, limit, holds in gates(options, rows):
        failed |= not holds
        shown = f"{value:.3f}" if isinstance(value, float) else str(value)
        print(f"  {'holds' if holds else 'FAILS'}  {what:<24} {shown:>6}  (gate {limit})")
    return 1 if failed else 0


sys.exit(main())
