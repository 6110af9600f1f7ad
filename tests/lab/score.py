"""Compares what `gnomon analyze` says about the recorded stories with what truly happened.

    tests/lab/run score      prints the tables
    tests/lab/run accuracy   writes them to docs/accuracy.md

Definitions. One row of truth is one story and its tool. A stage's recall is the share of the stories of that stage
that got it; its precision is the share of the judgements of that stage, of any tool in any story, that are true.
For precision every other tool that appears counts too: no person touched it, so anything above `embedded` is wrong.
Intervals are Wilson's, 95 %.
"""
import collections
import json
import math
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import fit

STAGES = ["signup-likely", "active", "integrated", "embedded", "visited", "guest"]
BELOW_USE = {"embedded", "mentioned", "none", None}


def wilson(hits, total):
    if total == 0:
        return None
    z, p = 1.96, hits / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def share(hits, total):
    """Returns '0.95 (0.90-0.98), 95 of 100'."""
    if total == 0:
        return "none"
    low, high = wilson(hits, total)
    return f"{hits / total:.3f} ({low:.2f}-{high:.2f}), {hits} of {total}"


def judge(gnomon, rules, capture):
    """Returns {tool: object of `gnomon analyze`} of one capture."""
    command = [str(gnomon), "analyze", "--format", "json", *(["--rules", str(rules)] if rules else []), str(capture)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    found = {}
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found[row["tool"]] = row
    return found


def judge_all(gnomon, rules, folder, threads=2):
    """Returns [(truth, {tool: judgement})] of every story of a recording."""
    folder = pathlib.Path(folder)
    truths = [json.loads(line) for line in (folder / "truths.jsonl").read_text().splitlines()]
    truths = [t for t in truths if not t["failed"]]

    def one(truth):
        return truth, judge(gnomon, rules, folder / "stories" / f"{truth['id']}.pcap")

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, truths))


def judge_timelines(lab_judge, rules, trust, files):
    """The same of timelines, by lab_judge: no recording, no root."""
    command = [str(lab_judge), "--features", *(["--rules", str(rules), "--trust", str(trust)] if rules else []), *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    found = collections.defaultdict(dict)
    for line in done.stdout.splitlines():
        row = json.loads(line)
        found[row["story"]][row["tool"]] = row
    heads = [json.loads(line)["story"] for file in files for line in open(file, encoding="utf-8") if line.startswith('{"story"')]
    return [({"loaded": None, **head}, found[head["id"]]) for head in heads]


class Score:
    def __init__(self, judged):
        self.right = collections.Counter()
        self.wanted = collections.Counter()
        self.said = collections.Counter()
        self.confusion = collections.defaultdict(collections.Counter)
        self.kinds = collections.defaultdict(collections.Counter)
        self.misses = []
        self.false_uses = []
        for truth, tools in judged:
            for tool, expected in truth["expected"].items():
                got = tools[tool]["stage"] if tool in tools else "none"
                self.wanted[expected] += 1
                self.said[got] += 1
                self.right[expected] += got == expected
                self.confusion[expected][got] += 1
                self.kinds[truth["kind"]][got] += 1
                if got != expected:
                    self.misses.append((truth["id"], expected, got))
            for tool, row in tools.items():
                if tool not in truth["expected"] and row["stage"] not in BELOW_USE:
                    self.said[row["stage"]] += 1
                    self.false_uses.append((truth["id"], tool, row["stage"], row["confidence"]))

    def precision(self, stage):
        return self.right[stage], self.said[stage]

    def recall(self, stage):
        return self.right[stage], self.wanted[stage]


def table(score):
    lines = ["| stage | precision | recall |", "| --- | --- | --- |"]
    for stage in STAGES:
        lines.append(f"| `{stage}` | {share(*score.precision(stage))} | {share(*score.recall(stage))} |")
    return lines


def confusion(score, rows, by):
    columns = STAGES + ["mentioned", "none"]
    lines = ["| what happened | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for row in rows:
        if by[row]:
            lines.append(f"| {row} | " + " | ".join(str(by[row][c] or "") for c in columns) + " |")
    return lines


def pages_line(judged):
    loads = sum(truth["loaded"] or 0 for truth, _ in judged)
    uses = [(truth["id"], tool, row["stage"]) for truth, tools in judged for tool, row in tools.items()
            if row["stage"] not in BELOW_USE]
    return loads, uses


def family_part(score):
    """A part of a product may be a tool of its own; its account is then the product's, which counts as wrong all the same."""
    count = sum(use[1] == "dropbox" and use[2] == "signup-likely" for use in score.false_uses)
    return [f"{count} of the wrong ones are sign-ups at `dropbox-paper`, told as sign-ups at `dropbox`, whose account it is.", ""] if count else []


# Each drawing at its first and only reading as a group that nobody had looked at, before anything was changed because of it:
# name, tools, who wrote the imitations, right, said, wanted of `signup-likely` without known-slow.
READINGS = [
    ("unseen", 16, "who made the features", 29, 35, 35),
    ("fresh-1", 24, "who made the features", 36, 42, 51),
    ("fresh-2", 24, "who made the features", 36, 40, 44),
    ("fresh-3", 24, "another author", 19, 21, 40),
    ("fresh-4", 24, "a third", 25, 29, 41),
    ("fresh-5", 24, "a fourth", 27, 30, 35),
    ("fresh-6", 24, "a fifth and a sixth", 24, 26, 39),
    ("fresh, first half", 24, "a seventh and an eighth", 30, 30, 38),
    ("fresh, second half", 24, "a ninth and a tenth", 29, 31, 36),
]


def readings_part():
    lines = ["## Each group when nobody had looked at it", "",
             "`signup-likely` at the first and only reading of each group, before anything was changed because of it. What had been",
             "read was used to make features and weights on for the next. From the third on the imitations come from authors who had",
             "seen neither the rules nor how they are judged; each of them drew the products as he or she knows them.", "",
             "| group | tools | imitated by | precision | recall |", "| --- | ---: | --- | --- | --- |"]
    lines += [f"| {name} | {tools} | {author} | {share(right, said)} | {share(right, wanted)} |"
              for name, tools, author, right, said, wanted in READINGS]
    others = [row[3:] for row in READINGS if row[2] != "who made the features"]
    right, said, wanted = (sum(row[i] for row in others) for i in range(3))
    return lines + ["", f"The groups of other authors together, by the five versions of the program that met them: precision {share(right, said)};",
                    f"recall {share(right, wanted)}.", ""]


def fresh_part(judged):
    """The group that nobody looked at: its stories without and with the old accounts that take long."""
    fresh = [j for j in judged if j[0]["split"] == "fresh"]
    usual = Score([j for j in fresh if j[0]["kind"] != "known-slow"])
    slow = Score([j for j in fresh if j[0]["kind"] == "known-slow"])
    if not usual.wanted:
        return []
    tools = {t for truth, _ in fresh for t in truth["expected"]}
    both = (usual.right["signup-likely"], usual.said["signup-likely"] + slow.said["signup-likely"])
    return ["## Tools that nobody had looked at", "",
            f"The last group, {len(tools)} tools: drawn from the catalogue by a hash before anything of them was recorded",
            "(`tests/lab/world.yaml` says how), none left out, and imitated by four authors who had seen neither the rules nor how",
            "they are judged. Judged once, one half after the other by the very same program, after features, weights and threshold were",
            "settled and committed. Since then a story played live taught two things (a provider's page is waited for; a mail that",
            "confirms leads through the sign-in); they moved no figure of this group:", "",
            *table(usual), "",
            *family_part(usual),
            *confusion(usual, sorted(usual.kinds), usual.kinds), "",
            "Not in these tables: `known-slow`, old accounts on a new computer whose owners do what new people do. They read the",
            "public pages for minutes, have forgotten the password and get a mail, type slowly, or go through the company's own",
            f"sign-in. {slow.said['signup-likely']} of {sum(slow.wanted.values())} of them were taken for a sign-up. With them among the rest the precision of",
            f"`signup-likely` is {share(*both)}.", ""]


def crossing_part(rows, apart, threshold):
    """What crossing over tools says of the model: at its threshold, at others, and whether a confidence is what it says."""
    right, said, wanted = fit.counts(rows, apart, threshold)
    lines = ["## Tools that features and weights were made on", "",
             "Each tool judged by weights that were fitted without any story of it (ten turns). The threshold was chosen on these",
             f"judgements, before the last group was read: {threshold:.2f}, for a precision of {fit.WANTED} there and a little above.", "",
             f"`signup-likely`: precision {share(right, said)}; recall {share(right, wanted)}.", "",
             "| threshold | precision | recall |", "| ---: | --- | --- |"]
    for at, right, said, wanted in fit.curve(rows, apart):
        if round(at * 100) % 10 in (0, 5) or at == threshold:
            mark = " (chosen)" if at == threshold else ""
            lines.append(f"| {at:.2f}{mark} | {share(right, said)} | {share(right, wanted)} |")
    return lines + [""]


def reliability_part(title, table_rows):
    lines = [title, "", "| confidence | judgements | mean confidence | were sign-ups (95 %) |", "| --- | ---: | ---: | --- |"]
    for low, high, number, mean, ones in table_rows:
        lines.append(f"| {low:.2f}-{high:.2f} | {number} | {mean:.2f} | {share(ones, number)} |")
    return lines + [""]


def report(judged, pages, command):
    read = [j for j in judged if j[0]["split"] != "fresh"]
    start = fit.start_weights()
    rows, fresh_rows = fit.rows_of(judged), fit.rows_of(judged, fresh=True)
    apart = fit.crossed(rows, start)
    threshold = fit.shipped_threshold()
    both = Score(judged)
    tools = {t for truth, _ in judged for t in truth["expected"]}
    lines = ["# Accuracy", "",
             "Measured in the lab (`tests/lab`): real Chromium, scripts, DNS, TLS and QUIC against a small internet that imitates",
             f"{len(tools)} tools; {len(judged)} stories whose truth is known because the lab played them.",
             "[How it judges](how-it-judges.md) says what the stages mean. This page is remade by", "",
             f"    {command}", "",
             "Each figure: share (95 % interval, Wilson), counts. A stage given to a tool that nobody touched counts against",
             "its precision.", ""]
    lines += fresh_part(judged) + readings_part()
    lines += crossing_part(rows, apart, threshold)
    lines += ["All stages, with the weights as shipped. These tools moved the weights, so the figures flatter:", "",
              *table(Score(read)), "", *confusion(Score(read), sorted(Score(read).kinds), Score(read).kinds), "",
              "`known` is the hard one: somebody with an old account signs in on a new computer. Names alone show nearly what",
              "a sign-up shows; the true answer here is `visited`.", "",
              "## Is a confidence what it says?", "",
              "Of the judgements that said so much, so many were sign-ups. The mix is the lab's: about as many who made an account as",
              "who did not. Where far fewer make accounts, the same signs mean less.", ""]
    lines += reliability_part("Tools that the weights were made on, each judged without its own stories:",
                              fit.reliability(rows, apart))
    if fresh_rows:
        lines += reliability_part("Tools that nobody had looked at, by the weights as shipped:",
                                  fit.reliability(fresh_rows, [row.probability for row in fresh_rows]))
    if pages:
        loads, uses = pages_line(pages)
        per = 1000 * len(uses) / loads if loads else 0
        above = 3000 / loads if loads and not uses else None
        lines += ["## Pages with embeds", "",
                  f"{loads} loads of generated news and shop pages, 22 third parties each; from the second page of a site on, the site's own",
                  f"name stays hidden behind an open connection. Above `embedded`: {len(uses)} tools, {per:.1f} per 1,000 loads"
                  + (f" ({', '.join(sorted({u[1] + ' ' + u[2] for u in uses}))})." if uses
                     else f"; with 95 % certainty fewer than {above:.1f}."), ""]
    uses_text = ", ".join(f"{t} ({s})" for (t, s), _ in
                          collections.Counter((u[1], u[2]) for u in both.false_uses).most_common(12))
    lines += ["Beside the tool of the story, in all stories together: "
              f"{len(both.false_uses)} tools that only other pages carried were said to be used"
              + (f": {uses_text}" if uses_text else "") + ".", "",
              *LIMITS, ""]
    return "\n".join(lines)


LIMITS = [
    "## Limits of these figures", "",
    "- The lab's pages are imitations, written from public knowledge of the products. They load what such pages load, in",
    "  the order browsers load it, but the real pages differ and change. The figures say how well the judgement reads",
    "  such sequences; the field will be worse. Only the two opt-in questions of the dashboard can tell how much.",
    "- A tool that nobody looked at is still a tool as an author imagines it. The nine who imitated the last 144 knew neither rules",
    "  nor features, but how people behave in the stories, and what pages for the public and products load of other companies,",
    "  was written by who made the features.",
    "- How often people sign up, look, or sign in from a new computer is set by the lab, not by any company. Where",
    "  sign-ins on new computers are much more common than sign-ups, the precision of `signup-likely` is lower than here:",
    "  a known account on a new computer looks nearly like a sign-up, and one whose owner takes long looks just like it.",
    "- Dwell times are drawn at random; typing, reading and hesitating people are slower and more uneven.",
    "- The recordings were made on machines that had other work to do; pages loaded more slowly than on a free one.",
    "- Robot checks mostly hide behind www.google.com, as they do outside. The weight of that sign was not fitted.",
    "- Judged by `lab_judge` from the timelines: the rooms of the agent from the matcher on, without its reading of packets.",
    "- Guests who type an address, or come from a mail program outside the browser, are called `embedded` at first.",
    "- One browser (Chromium), one person at a machine, no VPN, no encrypted DNS."]


def summary(judged, label):
    score = Score(judged)
    print(f"== {label}: {len(judged)} stories")
    for stage in STAGES:
        print(f"   {stage:14} precision {share(*score.precision(stage)):38} recall {share(*score.recall(stage))}")
    return score


def show(judged, pages=(), verbose=False, groups=("fit", "held-out", "unseen", "fresh-1", "fresh-2", "fresh-3", "fresh-4", "fresh-5", "fresh-6")):
    """Prints the tables. The fresh group only when asked for: who looks at it while making features spoils it."""
    for split in ("fit", "held-out", "unseen", "fresh-1", "fresh-2", "fresh-3", "fresh-4", "fresh-5", "fresh-6", "fresh"):
        if split not in groups:
            continue
        score = summary([j for j in judged if j[0]["split"] == split], split)
        print("\n".join("   " + line for line in confusion(score, sorted(score.kinds), score.kinds)))
        if verbose:
            for miss in score.misses:
                print("   miss", *miss)
        for use in score.false_uses:
            print("   false use", *use)
    if pages:
        loads, uses = pages_line(pages)
        print(f"== pages: {loads} loads, {len(uses)} above embedded: {uses}")


if __name__ == "__main__":
    sys.exit("use tests/lab/run score")
