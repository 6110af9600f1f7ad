"""The lab live: a real collector, a real agent that watches its workstation, and a person who signs up in Chromium.

    tests/lab/run live [--short]

Measures how long it takes from the moment the account was made to the row at the collector, and how much of what the
workstation contacted could be told apart by user and program, for each source. Nothing is played back: the packets
are read from the workstation's own interface while the story is played, and the waiting of people is waited.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import net

HERE = pathlib.Path(__file__).resolve().parent
PROMISE_S = 10.0   # from the sign-up to the row at the collector
STAY_S = 4.0       # of a person on a page in the short form: what follows within 3 s counts as the same page load
COLLECTOR_PORTS = {"listen": 7443, "enrol": 7444, "http": 7080}  # in a namespace of their own: nobody else is there
PRODUCT_HOST = "10.66.0.1"  # the collector listens where the lab's internet does


class Live:
    """Collector and agent around one workstation of a running lab."""

    def __init__(self, lab, binaries, folder):
        self.lab, self.binaries, self.folder = lab, pathlib.Path(binaries), folder
        self.station = lab.stations[0]
        self.agent_data, self.collector_data = folder / "agent", folder / "collector"
        self.env = {**os.environ, "HOME": str(folder)}

    def start_collector(self):
        at = {name: f"{PRODUCT_HOST}:{port}" for name, port in COLLECTOR_PORTS.items()}
        log = open(self.folder / "collector.log", "w")
        self.collector = self.lab.start(
            self.lab.inet, str(self.binaries / "gnomon-collector"), "serve", "--data", str(self.collector_data), "--zone",
            "UTC", "--min-group", "1", "--listen", at["listen"], "--enrol", at["enrol"], "--http",
            f"127.0.0.1:{COLLECTOR_PORTS['http']}", stdout=log, stderr=log, env=self.env)
        self.wait(lambda: (self.collector_data / "ports.json").exists(), 60, "the collector to listen")

    def start_agent(self):
        token = self.run(self.lab.inet, "gnomon", "admin", "token", "create", "--data", str(self.collector_data), "--uses",
                         "1", "--label", "lab", "--quiet").strip()
        self.run(self.station, "gnomon-agent", "enrol", "--data", str(self.agent_data), "--token", token, "--collector",
                 f"{PRODUCT_HOST}:{COLLECTOR_PORTS['enrol']}")
        config = self.folder / "agent.conf"
        config.write_text("learning-days = 0\n")  # the story's day is the first day
        log = open(self.folder / "agent.log", "w")
        self.agent = self.lab.start(self.station, str(self.binaries / "gnomon-agent"), "run", "--config", str(config), "--data",
                                    str(self.agent_data), by=net.beside(self.station), stdout=log, stderr=log, env=self.env)
        self.wait(lambda: "agent.started" in (self.folder / "agent.log").read_text(), 30, "the agent to start")

    def run(self, space, program, *arguments):
        done = subprocess.run(["ip", "netns", "exec", space, str(self.binaries / program), *arguments], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.agent_or_collector_died():
                break
            value = condition()
            if value:
                return value
            time.sleep(0.05)
        logs = "".join((self.folder / name).read_text()[-2000:] for name in ("collector.log", "agent.log")
                       if (self.folder / name).exists())
        raise RuntimeError(f"waited {seconds} s for {what}\n{logs}")

    def agent_or_collector_died(self):
        return any(process is not None and process.poll() is not None
                   for process in (getattr(self, "collector", None), getattr(self, "agent", None)))

    def row_of(self, tool):
        """Returns the collector's row of a tool, or None."""
        asked = subprocess.run(["ip", "netns", "exec", self.lab.inet, "curl", "-s", "--max-time", "5",
                                f"http://127.0.0.1:{COLLECTOR_PORTS['http']}/api/v1/tools?all=1&limit=500"],
                               stdout=subprocess.PIPE, text=True)
        try:
            answer = json.loads(asked.stdout)
        except json.JSONDecodeError:
            return None
        return next((row for row in answer.get("tools", []) if row.get("id") == tool), None)

    def look(self, tool, kind):
        """Opens one page of a tool in Chromium, without a driver, and waits until it has loaded."""
        known = next(t for t in self.lab.world["tools"] if t["id"] == tool)
        url = f"https://{known[kind]}/p/{tool}/{kind}?t=acme&s=live-{kind}"
        browser = self.lab.start(
            self.station, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            f"--ignore-certificate-errors-spki-list={self.lab.world['spki']}", f"--user-data-dir={self.folder}/profile-{kind}",
            "--dump-dom", url, stderr=subprocess.DEVNULL, env=self.env)
        try:
            browser.wait(timeout=45)
        except subprocess.TimeoutExpired:
            pass  # a page that never rests is a page too
        self.lab.stop(browser)

    def sign_up_shortly(self, events, tool):
        """The short form: the public pages, the form on a host that serves nothing but sign-up, the product."""
        self.look(tool, "site")
        time.sleep(STAY_S)
        self.look(tool, "signup")
        time.sleep(STAY_S)
        with open(events, "a", encoding="utf-8") as out:
            out.write(json.dumps({"t": time.time(), "story": f"live-{tool}-signup-password", "what": "account made"}) + "\n")
        self.look(tool, "app")

    def play(self, plan, longest_wait):
        plan_file, log = self.folder / "plan.json", self.folder / "played.jsonl"
        plan_file.write_text(json.dumps(plan))
        log.unlink(missing_ok=True)
        events = self.folder / "events.jsonl"
        events.unlink(missing_ok=True)
        self.driver = self.lab.start(
            self.station, "node", str(HERE / "drive.cjs"), str(self.folder / "world/world.json"), str(plan_file),
            self.lab.control, self.lab.addresses(self.station), str(log), stderr=open(self.folder / "driver.log", "w"),
            env={**self.env, "NODE_PATH": str(HERE / "node_modules"), "LAB_LIVE": str(longest_wait), "LAB_EVENTS": str(events), "LAB_HTTP3": "on"})
        return events


def stage_seen(row):
    return row is not None and "signup-likely" in row.get("stages", {})


def attribution(text):
    """Returns {source: (names, program %, user only %, unknown %)} from the words of `gnomon-agent status`."""
    found = re.findall(r"(\w+): of (\d+) names, program known for (\d+) %, only the user for (\d+) %, unknown (\d+) %", text)
    return {source: tuple(map(int, rest)) for source, *rest in found}


def stories(short):
    """Returns the plan: one sign-up on a tool with its own sign-up host, or one of every class and a script."""
    def story(tool, kind):
        return {"id": f"live-{tool}-{kind}", "tool": tool, "kind": kind, "seed": f"live-{tool}-{kind}", "split": "live",
                "tenant": "acme", "expected": {}}
    if short:
        return [story("heroku", "signup-password")]
    return [story("trello", "signup-password"), story("heroku", "signup-password"), story("mailchimp", "signup-password"),
            story("pipedrive", "signup-google"), story("sendgrid", "signup-password"), story("slack", "integration"),
            story("notion", "visit")]


def wait_for_stories(live, events, plan, ended_already):
    """Returns {tool: (when the account was made, when the row said so)} of the sign-ups, asking until the stories end."""
    made, told = {}, {}
    ended = None
    while True:
        lines = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
        for story in plan:
            if not story["kind"].startswith("signup-"):
                continue
            tool = story["tool"]
            mine = [e for e in lines if e["story"] == story["id"]]
            mark = next((e["t"] for e in mine if e["what"] == "account made"), None)
            if mark:
                made.setdefault(tool, mark)
            if tool not in told and stage_seen(live.row_of(tool)):
                told[tool] = time.time()
        if ended is None and ended_already():
            ended = time.monotonic()
        if set(told) >= {s["tool"] for s in plan if s["kind"].startswith("signup-")} and ended is not None:
            break
        if ended is not None and time.monotonic() - ended > 20:
            break
        time.sleep(0.1)
    return {tool: (when, told.get(tool)) for tool, when in made.items()}


def main(binaries, out, short, tools=None):
    # The short form does without HTTP/3 and a driver: a machine that runs the tests need not have caddy and npm.
    programs = ("ip", "node", "chromium", "curl") + (() if short else ("caddy",))
    net.skip_unless_possible(programs=programs, driver=not short)
    for program in ("gnomon", "gnomon-agent", "gnomon-collector"):
        if not (pathlib.Path(binaries) / program).exists():
            print(f"skipped: {binaries}/{program} is not built")
            return net.SKIP
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    plan = [story for story in stories(short) if not tools or story["tool"] in tools]
    with net.Lab(out / "world", workstations=1, with_http3=not short) as lab:
        live = Live(lab, binaries, out)
        live.start_collector()
        live.start_agent()
        if short:
            events = out / "events.jsonl"
            person = threading.Thread(target=live.sign_up_shortly, args=(events, plan[0]["tool"]))
            person.start()
            times = wait_for_stories(live, events, plan, lambda: not person.is_alive())
            person.join()
        else:
            events = live.play(plan, 60)
            times = wait_for_stories(live, events, plan, lambda: live.driver.poll() is not None)
        shares = live.wait(lambda: attribution(live.run(live.station, "gnomon-agent", "status", "--data",
                                                        str(live.agent_data))), 30, "the agent to write its status")
        leaked = names_in_clear(live)
    return report(times, shares, plan, leaked, strict=not short)


def names_in_clear(live):
    """Returns what of this machine and its people stands in clear in what the agent sends."""
    told = live.run(live.station, "gnomon-agent", "explain", "--json", "--data", str(live.agent_data))
    private = [socket.gethostname(), *live.lab.addresses(live.station).split(","), ".example"]
    return [text for text in private if text in told]


def report(times, shares, plan, leaked, strict):
    """Prints the figures. The time is held to the promise only by the long form: a loaded machine is no defect."""
    wanted = [s["tool"] for s in plan if s["kind"].startswith("signup-")]
    late, early = [], []
    print("from the sign-up to the row at the collector:")
    for tool in wanted:
        made, told = times.get(tool, (None, None))
        if made is None or told is None:
            late.append(tool)
            print(f"  {tool:12} " + ("the story did not get there" if made is None else "no row says signup-likely"))
        else:
            seconds = told - made
            late += [tool] if strict and seconds >= PROMISE_S else []
            early += [tool] if strict and seconds < 0 else []
            print(f"  {tool:12} {seconds:5.1f} s")
    print("whose contacts they were, as the agent could tell:")
    for source, (names, program, user, unknown) in shares.items():
        print(f"  {source:5} {names:5} names: program {program} %, only the user {user} %, unknown {unknown} %")
    if not shares.get("TLS"):
        print("FAILED: the agent saw no TLS hello")
        return 1
    if leaked:
        print(f"FAILED: in clear in what is sent: {', '.join(leaked)}")
        return 1
    if early:
        print(f"FAILED: said before there was an account: {', '.join(early)}")
        return 1
    if late:
        print(f"FAILED: not told, or not within {PROMISE_S:.0f} s: {', '.join(late)}")
        return 1
    return 0
