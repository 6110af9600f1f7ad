#!/usr/bin/env python3
"""Writes tools.schema.json and lists.schema.json from the words of rules/ and core/catalog/words.h.

    rules/schema/make.py            write
    rules/schema/make.py --check    fail when the files are not what would be written
"""
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
RULES = HERE.parent
ROOT = RULES.parent


def ids(name):
    return re.findall(r"\{id: ([a-z0-9-]+)", (RULES / name).read_text())


def words(name):
    text = (ROOT / "core/catalog/words.h").read_text()
    body = re.search(rf"{name} = \{{(.*?)\}};", text, re.DOTALL).group(1)
    return [word for word in re.findall(r'"([^"]*)"', body) if word]


def one_of(values, text=None):
    return {"enum": values, **({"description": text} if text else {})}


def obj(properties, required=(), text=None):
    return {"type": "object", "additionalProperties": False, "properties": properties,
            "required": list(required), **({"description": text} if text else {})}


def lists(items, text=None):
    return {"type": "array", "items": items, **({"description": text} if text else {})}


# Editors read yes and no as booleans or as words, by their YAML version.
TRI = {"enum": ["yes", "no", "unknown", True, False]}
YES = {"enum": ["yes", "no", True, False]}
TEXT = {"type": "string"}
ROLES = ["site", "signup", "login", "app", "client", "api", "embed", "content", "link", "asset",
         "idp"]
PATTERN = {"type": "string", "description": "app.asana.com, .asana.com, {tenant}.slack.com or us*.admin.mailchimp.com"}
ID = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}

HOST = obj({
    "host": PATTERN,
    "role": one_of(ROLES, "what a contact with the host means"),
    "audience": one_of(["user", "guest", "both", "visitor"], "who reaches it"),
    "conf": one_of(["low", "medium", "high"], "how sure; high when left out"),
    "shared_with": lists({"enum": ROLES}, "roles that live on the same host too"),
    "weight": one_of(["normal", "strong", "weak", "none"], "only with a note that says why"),
    "reserved": lists(TEXT, "labels that are no tenants here"),
    "deny": {"enum": [True, False, "yes", "no"], "description": "the host belongs to nobody"},
    "labels": {"enum": [True, False, "yes", "no"],
               "description": "common labels below it (login, api, docs) mean what they usually mean"},
    "note": TEXT,
}, ["host"])
STEP = obj({"role": {"enum": ROLES}, "host": PATTERN,
            "min_flows": {"type": "integer", "minimum": 1}, "optional": YES})
SEQUENCE = obj({
    "id": ID, "then": one_of(["signup-likely", "active", "integrated", "guest"]),
    "within": {"type": "string", "pattern": "^[0-9]+[smh]$"},
    "steps": {"type": "array", "items": STEP, "minItems": 1, "maxItems": 16},
    "require": obj({"first_ever": one_of(["user", "no", False])}), "note": TEXT,
}, ["id", "steps"])


def tools():
    categories = ids("categories.yaml")
    tool = obj({
        "id": ID, "name": TEXT, "vendor": TEXT, "homepage": {"type": "string", "format": "uri"},
        "category": {"enum": categories}, "also": lists({"enum": categories}),
        "jobs": lists({"enum": ids("jobs.yaml")}),
        "plans": obj({"free_tier": TRI, "self_signup": TRI}),
        "signin": obj({word: TRI for word in words("kSigninWords")}),
        "sso": obj({key: {"enum": words("kSsoWords") + [True, False]} for key in ("saml", "scim")}),
        "data": lists({"enum": words("kDataWords")}),
        "exposure": lists({"enum": words("kExposureWords")}),
        "tenancy": {"enum": words("kTenancyWords")},
        "status": {"type": "string", "pattern": "^(active|renamed:[a-z0-9-]+|ended:.{4,})$",
                   "default": "active"},
        "checked": {"type": "string", "description": "2026-11-22"},
        "hosts": {"type": "array", "items": HOST, "minItems": 1},
        "sequences": lists(SEQUENCE), "family": ID, "note": TEXT,
    }, ["id", "name", "homepage", "category", "jobs", "hosts"])
    family = obj({"id": ID, "name": TEXT, "homepage": TEXT, "hosts": lists(HOST), "note": TEXT},
                 ["id", "name", "homepage", "hosts"])
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "rules/tools/*.yaml",
            **obj({"vendor": TEXT, "family": family, "tools": lists(tool)}, ["vendor", "tools"])}


def other_lists():
    plain = obj({"host": PATTERN, "note": TEXT}, ["host"])
    blind = obj({"host": PATTERN, "note": TEXT, "provider": TEXT, "addresses": lists(TEXT)},
                ["host"])
    provider = obj({"id": ID, "name": TEXT, "kind": one_of(["unknown", "work", "personal", "both"]),
                    "hosts": lists(obj({"host": PATTERN, "note": TEXT, "reserved": lists(TEXT)},
                                       ["host"])), "note": TEXT}, ["id", "name", "hosts"])
    number = {"anyOf": [{"type": "number"},
                        obj({"value": {"type": "number"}, "min": {"type": "number"},
                             "max": {"type": "number"}, "note": TEXT}, ["value"])]}
    files = [
        obj({key: lists(plain) for key in ("never", "host_of_others", "tunnels")}),
        obj({key: lists(plain) for key in ("captcha", "mail_click", "payment", "consent")}),
        obj({key: lists(blind) for key in ("encrypted_dns", "ech_public_names", "relays")}),
        obj({key: lists(plain) for key in ("browser", "system")}),
        obj({"providers": lists(provider)}, ["providers"]),
        obj({"reserved": lists(TEXT),
             "meanings": lists(obj({"role": {"enum": ROLES}, "labels": lists(TEXT), "weak": YES,
                                    "note": TEXT}, ["role", "labels"]))}, ["reserved"]),
        obj({"categories": lists(obj({"id": ID, "label": TEXT, "martech": YES}, ["id", "label"]))},
            ["categories"]),
        obj({"jobs": lists(obj({"id": ID, "label": TEXT, "category": ID},
                               ["id", "label", "category"]))}, ["jobs"]),
        {"type": "object", "description": "model.yaml", "additionalProperties": number},
    ]
    return {"$schema": "http://json-schema.org/draft-07/schema#",
            "title": "the other files of rules/", "anyOf": files}


stale = []
for name, schema in (("tools.schema.json", tools()), ("lists.schema.json", other_lists())):
    text = json.dumps(schema, indent=1) + "\n"
    path = HERE / name
    if "--check" in sys.argv:
        if not path.exists() or path.read_text() != text:
            stale.append(f"{path}: is not what rules/schema/make.py writes; run it")
    else:
        path.write_text(text)
print("\n".join(stale))
sys.exit(1 if stale else 0)
