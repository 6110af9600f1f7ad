"""Fits the weights of the sign-up model on the fit half of the tools, and writes them into rules/model.yaml.

The features come from the program itself (`gnomon analyze --format json --features`), so what is fitted is what runs.
A plain logistic regression, with four rules of honesty:

* only stories of the fit half are read;
* a weight is drawn towards the start weight of the catalogue (a prior, not zero): the lab does not hold all there is
  in the field, and a feature that is rare here must not lose its meaning;
* what is constant or rare in the lab keeps its start weight, and no weight moves further than 2.5;
* evidence for a sign-up cannot get a negative weight, and evidence against it no positive one.
"""
import json
import math
import pathlib
import re

STAGE_KINDS = {"signup-password", "signup-google", "signup-microsoft"}
LEFT_OUT = {"second-day", "integration"}  # their first day may hold a sign-up; the stage says something else


# Constant or rare in the lab, or easier to see there than outside: these keep their start weight.
KEPT = {"first_ever", "signup_host", "second_day", "captcha", "guest_only", "dns_only"}
FURTHEST = 2.5  # the lab moves a weight, it does not make one


def start_weights(model_file):
    weights = {}
    for line in pathlib.Path(model_file).read_text().splitlines():
        found = re.match(r"^(\w+): (?:\{value: )?(-?[\d.]+)", line)
        if found:
            weights[found[1]] = float(found[2])
    return weights


def samples(judged):
    """Returns [(features, label, story)] of the fit half."""
    rows = []
    for truth, tools in judged:
        if truth["split"] != "fit" or truth["kind"] in LEFT_OUT:
            continue
        for tool in truth["expected"]:
            row = tools.get(tool)
            if row and row.get("signup_probability", 0) > 0:
                rows.append((row["features"], truth["kind"] in STAGE_KINDS, truth["id"]))
    return rows


def logistic(z):
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def fit(rows, start, strength=0.15, rate=0.05, rounds=4000):
    names = sorted({name for features, _, _ in rows for name in features if name in start})
    weights = {name: start[name] for name in names}
    bias, total = start["bias"], max(1, len(rows))
    # As many who made an account as who did not, whatever the mix of stories.
    ones = sum(label for _, label, _ in rows)
    share = {True: total / (2 * max(1, ones)), False: total / (2 * max(1, total - ones))}
    for _ in range(rounds):
        grad_bias, grad = 0.0, dict.fromkeys(names, 0.0)
        for features, label, _ in rows:
            active = [n for n in names if features.get(n)]
            error = (logistic(bias + sum(weights[n] for n in active)) - label) * share[label]
            grad_bias += error
            for n in active:
                grad[n] += error
        bias -= rate * (grad_bias / total * 10 + strength * (bias - start["bias"]) / 10)
        for n in names:
            if n in KEPT:
                continue
            weights[n] -= rate * (grad[n] / total * 10 + strength * (weights[n] - start[n]) / 10)
            weights[n] = min(max(weights[n], start[n] - FURTHEST), start[n] + FURTHEST)
            weights[n] = max(0.0, weights[n]) if start[n] >= 0 else min(0.0, weights[n])
    return bias, weights


def threshold_for(rows, bias, weights, wanted=0.96):
    """Returns the lowest threshold (of 0.50, 0.51, ...) with the wanted precision on the rows: the aim and a little more,
    for what was fitted is judged better than what was not."""
    for hundredth in range(50, 96):
        said = [label for features, label, _ in rows
                if logistic(bias + sum(w for n, w in weights.items() if features.get(n))) >= hundredth / 100]
        if said and sum(said) / len(said) >= wanted:
            return hundredth / 100
    return 0.95


def write(model_file, values):
    path = pathlib.Path(model_file)
    text = path.read_text()
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^({name}: (?:\{{value: )?)-?[\d.]+", rf"\g<1>{value:g}", text)
        if count != 1:
            raise RuntimeError(f"{model_file}: no line for {name}")
    path.write_text(text)


def main(judged, model_file, write_it):
    start = start_weights(model_file)
    rows = samples(judged)
    bias, weights = fit(rows, start)
    threshold = threshold_for(rows, bias, weights)
    print(f"{len(rows)} stories of the fit half, {sum(label for _, label, _ in rows)} of them sign-ups")
    seen = {n: (sum(bool(f.get(n)) for f, label, _ in rows if label), sum(bool(f.get(n)) for f, label, _ in rows if not label))
            for n in weights}
    print(f"{'feature':16} {'start':>7} {'fitted':>7}  with sign-up / without")
    print(f"{'bias':16} {start['bias']:7.2f} {bias:7.2f}")
    for name, weight in weights.items():
        print(f"{name:16} {start[name]:7.2f} {weight:7.2f}  {seen[name][0]:4} / {seen[name][1]:<4}")
    print(f"threshold {threshold}")
    wrong = [(story, label, round(logistic(bias + sum(w for n, w in weights.items() if f.get(n))), 2),
              " ".join(n for n, v in f.items() if v)) for f, label, story in rows
             if (logistic(bias + sum(w for n, w in weights.items() if f.get(n))) >= threshold) != label]
    for line in wrong:
        print("  wrong", *line)
    if write_it:
        write(model_file, {"bias": round(bias, 2), **{n: round(w, 2) for n, w in weights.items()},
                           "signup_threshold": threshold})
    return json.dumps({"bias": bias, "weights": weights, "threshold": threshold})
