"""Fits the weights of the sign-up model on the recorded stories, and writes them into rules/model.yaml.

The features come from the program itself (`lab_judge --features`), so what is fitted is what runs. A plain logistic
regression, with these rules of honesty:

* stories of the fresh group are never read here;
* how well it does is said by crossing over tools: the stories of a tool are judged by weights that were fitted without
  any story of it, in ten turns, and the threshold is chosen on these judgements alone;
* a weight is drawn towards its start weight (the program's default, agent/evidence/model.h), not towards zero: the lab
  does not hold all there is in the field, and a feature that is rare here must not lose its meaning;
* what is constant or rare in the lab keeps its start weight, and no weight moves further than 2.5;
* evidence for a sign-up cannot get a negative weight, and evidence against it no positive one.
"""
import math
import pathlib
import re

import prepare

SIGN_UPS = {"signup-password", "signup-google", "signup-microsoft"}
LEFT_OUT = {"second-day", "integration", "known-slow"}  # a sign-up may hide in the first day; the last is never fitted on
SETTLED = {"active", "integrated", "dormant"}  # stages that need no sign-up model: nothing is decided by its probability

# Constant or rare in the lab, or easier to see there than outside: these keep their start weight.
KEPT = {"first_ever", "signup_host", "second_day", "captcha", "guest_only", "dns_only", "own_tenant", "form_only",
        "one_look", "company_sign_in"}
FURTHEST = 2.5  # the lab moves a weight, it does not make one
FOLDS = 10
WANTED = 0.98  # precision when crossing over tools: the aim of 0.95, and more for what crossing flatters

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL_H = ROOT / "agent" / "evidence" / "model.h"
MODEL_YAML = ROOT / "rules" / "model.yaml"


def start_weights():
    """Returns the start weights: the defaults of the program."""
    text = MODEL_H.read_text()
    text = text[text.index("struct Model {"):]
    return {name: float(value) for name, value in re.findall(r"^  double (\w+) = (-?[\d.]+);", text, re.M)}


def shipped_threshold():
    return float(re.search(r"(?m)^signup_threshold: \{value: ([\d.]+)", MODEL_YAML.read_text())[1])


class Row:
    """One judgement: a story and a tool in it, the tool of the story or another."""

    def __init__(self, truth, tool, judged):
        self.story, self.kind, self.split = truth["id"], truth["kind"], truth["split"]
        self.tool = tool
        self.signup = tool in truth["expected"] and truth["kind"] in SIGN_UPS
        self.own = tool in truth["expected"]
        self.values = {name: float(value) for name, value in judged.get("features", {}).items() if value}
        self.probability = judged.get("signup_probability", 0)
        self.decides = judged["stage"] not in SETTLED and self.probability > 0
        self.fold = prepare.number("fold" + truth["tool"], FOLDS)


def rows_of(judged, fresh=False):
    """Returns all judgements, those of the fresh group only when asked for. Pages without a story's tool are left out."""
    return [Row(truth, tool, row) for truth, tools in judged if (truth["split"] == "fresh") == fresh
            for tool, row in tools.items()] + \
           [Row(truth, tool, {"stage": "none"}) for truth, tools in judged if (truth["split"] == "fresh") == fresh
            for tool in truth["expected"] if tool not in tools]


def logistic(z):
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def probability(row, weights):
    return logistic(weights["bias"] + sum(weights.get(name, 0.0) * value for name, value in row.values.items()))


def trainable(rows):
    return [row for row in rows if row.own and row.decides and row.kind not in LEFT_OUT]


def fit(rows, start, strength=0.01, sweeps=60):
    """Returns the weights: coordinate by coordinate a Newton step, held to its limits."""
    rows = trainable(rows)
    names = ["bias"] + sorted({name for row in rows for name in row.values if name in start and name not in KEPT})
    weights = dict(start)
    z = [weights["bias"] + sum(weights.get(n, 0.0) * v for n, v in row.values.items()) for row in rows]
    has = {name: [(i, row.values.get(name, 1.0)) for i, row in enumerate(rows) if name == "bias" or name in row.values]
           for name in names}
    # As many who made an account as who did not, whatever the mix of stories.
    ones = max(1, sum(row.signup for row in rows))
    share = {True: 0.5 / ones, False: 0.5 / max(1, len(rows) - ones)}
    for _ in range(sweeps):
        for name in names:
            grad, bend = strength * (weights[name] - start[name]), strength
            for i, v in has[name]:
                p = logistic(z[i])
                grad += share[rows[i].signup] * v * (p - rows[i].signup)
                bend += share[rows[i].signup] * v * v * p * (1 - p)
            value = weights[name] - grad / bend
            value = min(max(value, start[name] - FURTHEST), start[name] + FURTHEST)
            if name != "bias":
                value = max(0.0, value) if start[name] >= 0 else min(0.0, value)
            change, weights[name] = value - weights[name], value
            for i, v in has[name]:
                z[i] += change * v
    return weights


def crossed(rows, start, **how):
    """Returns the probability of each row by weights that no story of its tool moved."""
    by_fold = {fold: fit([row for row in rows if row.fold != fold], start, **how) for fold in range(FOLDS)}
    return [probability(row, by_fold[row.fold]) if row.decides else 0.0 for row in rows]


def counts(rows, probabilities, threshold):
    """Returns (right, said, wanted) of `signup-likely`; second days that are not called active count against it."""
    said = [row for row, p in zip(rows, probabilities) if row.decides and p >= threshold and row.kind != "known-slow"]
    return sum(row.signup for row in said), len(said), sum(row.signup for row in rows)


def curve(rows, probabilities):
    """Returns [(threshold, right, said, wanted)] for every hundredth from 0.30 on."""
    return [(hundredth / 100, *counts(rows, probabilities, hundredth / 100)) for hundredth in range(30, 100)]


def threshold_for(rows, probabilities, wanted=WANTED, steps=6):
    """Returns the lowest threshold at which the precision is as wanted, and at the next hundredths too: one lucky step does
    not make a threshold."""
    table = curve(rows, probabilities)
    good = [said > 0 and right / said >= wanted for _, right, said, _ in table]
    for i in range(len(table) - steps):
        if all(good[i:i + steps]):
            return table[i][0]
    return 0.99


def reliability(rows, probabilities, edges=(0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0001)):
    """Returns [(from, to, judgements, mean probability, share that were sign-ups)]: is a confidence what it says?"""
    table = []
    for low, high in zip(edges, edges[1:]):
        inside = [(row.signup, p) for row, p in zip(rows, probabilities)
                  if row.decides and row.own and row.kind not in LEFT_OUT and low <= p < high]
        if inside:
            table.append((low, min(1.0, high), len(inside), sum(p for _, p in inside) / len(inside),
                          sum(signup for signup, _ in inside)))
    return table


def write(model_file, values):
    path = pathlib.Path(model_file)
    text = path.read_text()
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^({name}: (?:\{{value: )?)-?[\d.]+", rf"\g<1>{value:g}", text)
        if count != 1:
            raise RuntimeError(f"{model_file}: no line for {name}")
    path.write_text(text)


def loss(rows, probabilities):
    """The mean surprise in bits, sign-ups and the rest weighing the same: lower is better, 1 is a guess."""
    sums, number = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    for row, p in zip(rows, probabilities):
        if row.own and row.decides and row.kind not in LEFT_OUT:
            sums[row.signup] -= math.log2(max(1e-9, p if row.signup else 1 - p))
            number[row.signup] += 1
    return sum(sums[side] / max(1, number[side]) for side in sums) / 2


def main(judged, model_file, write_it, without=()):
    start = start_weights()
    rows = rows_of(judged)
    for row in rows:
        row.values = {name: value for name, value in row.values.items() if name not in without}
    apart = crossed(rows, start)
    threshold = threshold_for(rows, apart)
    weights = fit(rows, start)
    right, said, wanted = counts(rows, apart, threshold)
    print(f"{len(trainable(rows))} judgements, {sum(row.signup for row in trainable(rows))} of them of sign-ups")
    print(f"{'weight':16} {'start':>7} {'fitted':>7}  with sign-up / without")
    for name in ["bias"] + [n for n in start if n != "bias"]:
        if name == "bias" or any(name in row.values for row in rows) or name in KEPT:
            seen = [sum(name in row.values for row in trainable(rows) if row.signup is side) for side in (True, False)]
            print(f"{name:16} {start[name]:7.2f} {weights[name]:7.2f}  {seen[0]:4} / {seen[1]:<4}")
    print(f"crossing over tools: surprise {loss(rows, apart):.3f} bits; threshold {threshold}: precision {right} of {said}, "
          f"recall {right} of {wanted}")
    for at, right, said, wanted in curve(rows, apart)[::4]:
        print(f"   {at:.2f}: precision {right / max(1, said):.3f} ({right} of {said}), recall {right / wanted:.3f}")
    for low, high, number, mean, ones in reliability(rows, apart):
        print(f"   said {low:.2f}-{high:.2f} (mean {mean:.2f}): {ones} of {number} were sign-ups ({ones / number:.2f})")
    for row, p in zip(rows, apart):
        if row.decides and (p >= threshold) != row.signup and row.kind != "known-slow":
            print("  wrong", row.story, row.tool if not row.own else "", round(p, 2), " ".join(n if v == 1 else f"{n}={v:.2f}" for n, v in row.values.items()))
    if write_it:
        fitted = {name: round(value, 2) for name, value in weights.items() if name != "signup_threshold"}
        write(model_file, {**fitted, "signup_threshold": threshold})
