"""Timelines: what is left of a recording when only the names stay, small enough to keep in the tree.

One file holds many stories. A line that begins a story carries its truth; every other line is one sighting:

    {"t": seconds since the story began, "s": "tls", "h": "trello.com", "f": 0}     a hello; number 0 of the story's `hellos`
    {"t": ..., "s": "dns", "h": "trello.com"}                              a question
    {"t": ..., "s": "dns", "h": "help.acme-corp.example", "cn": ["acme.zendesk.com"]}   an answer with aliases
"""
import datetime
import json
import pathlib
import subprocess


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def of_capture(gnomon, capture):
    """Returns (begin, hellos, lines) of one recording."""
    done = subprocess.run([str(gnomon), "analyze", "--sightings", "--format", "json", str(capture)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    begin = seconds(rows[0]["t"]) if rows else 0.0
    lines, asked, hellos = [], set(), []
    for row in rows:
        line = {"t": round(seconds(row["t"]) - begin, 3), "s": row["source"], "h": row["host"]}
        if row["source"] == "dns":
            if row.get("answer"):
                aliases = [a["data"] for a in row.get("answers", []) if a["type"] == "CNAME"]
                if not aliases:
                    continue
                line["cn"] = aliases
            # A browser asks for A, AAAA and HTTPS at once: one line says it.
            key = (row["host"], int(line["t"]), tuple(line.get("cn", ())))
            if key in asked:
                continue
            asked.add(key)
        else:
            facts = [row.get("alpn", []), row.get("ech", "none"), row.get("ja4", "")]
            if facts not in hellos:
                hellos.append(facts)
            line["f"] = hellos.index(facts)
        lines.append(line)
    return begin, hellos, lines


def write(gnomon, folder, truths, target):
    with open(target, "w", encoding="utf-8") as out:
        for truth in truths:
            begin, hellos, lines = of_capture(gnomon, pathlib.Path(folder) / "stories" / f"{truth['id']}.pcap")
            head = {key: truth[key] for key in ("id", "kind", "tool", "split", "expected")}
            head["begin"] = round(begin, 3)
            head["hellos"] = hellos
            if truth.get("loaded"):
                head["loaded"] = truth["loaded"]
            out.write(json.dumps({"story": head}, separators=(",", ":")) + "\n")
            for line in lines:
                out.write(json.dumps(line, separators=(",", ":")) + "\n")
