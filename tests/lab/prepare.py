"""Turns world.yaml into what the servers of the lab need: addresses, answers, certificates.

Everything is derived from the world file and the names themselves, so two runs make the same internet.
"""
import base64
import datetime
import hashlib
import json
import pathlib

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HERE = pathlib.Path(__file__).resolve().parent
TENANTS = ["acme", "acme-corp", "northwind-trial", "blue-harbor", "team-317", "lumen-works", "contoso-mkt"]
WEB_ADDRESSES = 90      # of the server for TCP; hosts share them as they share a CDN's
HTTP3_ADDRESSES = 24    # of the server that also speaks HTTP/3
ALIASES = ["d{h}.cloudfront.net", "{n}.cdn.cloudflare.net", "lb-{h}.eu-central-1.elb.amazonaws.com",
           "dualstack.{h}.map.fastly.net", "{h}.edgekey.net", "ghs-{h}.googlehosted.com"]
TWO_LABEL_SUFFIXES = ("co.uk", "com.au", "com.br")


def number(text, modulo):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") % modulo


def bare(entry):
    """Returns the host of a list entry such as 'frame:www.youtube.com'."""
    return entry.split(":", 1)[1] if entry.startswith(("frame:", "late:")) else entry


def domain_of(host):
    labels = host.split(".")
    keep = 3 if ".".join(labels[-2:]) in TWO_LABEL_SUFFIXES else 2
    return ".".join(labels[-keep:])


def load_world():
    return yaml.safe_load((HERE / "world.yaml").read_text())


def hosts_of(world):
    """Returns every host name of the world, tenants filled in."""
    found = set()
    for tool in world["tools"]:
        for key, value in tool.items():
            if key in ("id", "google", "microsoft", "onetap"):
                continue
            for entry in value if isinstance(value, list) else [value]:
                for tenant in TENANTS if "{tenant}" in entry else [""]:
                    found.add(bare(entry).replace("{tenant}", tenant))
    for group in world["third_parties"].values():
        found.update(bare(entry) for entry in group)
    for provider in world["identity"].values():
        found.update([provider["host"], *provider["loads"], *provider["calls"]])
    found.update(world["chatter"], world["company"], world["alias"], world["http3"])
    return found


def address_of(host, http3):
    """Returns (IPv4, IPv6) of a host. Most hosts of one domain share one address, as behind one load balancer:
    there a browser reuses connections and their names stay unseen."""
    if host in http3:
        n = 1 + number(host, HTTP3_ADDRESSES)
        return f"198.18.1.{n}", f"2001:db8:18:1::{n:x}"
    key = domain_of(host) if number("group" + host, 10) < 4 else host
    n = 1 + number(key, WEB_ADDRESSES)
    return f"198.18.0.{n}", f"2001:db8:18::{n:x}"


def alias_of(host):
    if number("alias" + host, 10) >= 3:
        return None
    shape = ALIASES[number("shape" + host, len(ALIASES))]
    return shape.format(h=hashlib.sha256(host.encode()).hexdigest()[:12], n=host)


def make_certificates(folder, hosts):
    """Writes one certificate per domain, all on one throw-away key; returns {domain: file} and the key's hash,
    which is what the browser is told to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    domains = {}
    for host in hosts:
        domains.setdefault(domain_of(host), set()).add(host)
    domains["example"] = {"*.example"}
    now = datetime.datetime.now(datetime.timezone.utc)
    files = {}
    for domain, names in sorted(domains.items()):
        # Most vendors have a wildcard, some a certificate for each host: then nothing is reused.
        names = set(names)
        if number("wildcard" + domain, 10) < 7:
            names |= {domain, "*." + domain}
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain[:60])])
        certificate = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2)).not_valid_after(now + datetime.timedelta(days=60))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in sorted(names)]), False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .sign(key, hashes.SHA256()))
        path = folder / f"{domain}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[domain] = str(path)
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return files, base64.b64encode(hashlib.sha256(spki).digest()).decode()


def prepare(folder, with_http3=True):
    """Writes world.json, dns.json, certificates and the Caddyfile into `folder`; returns the world as written. Without
    HTTP/3 every host is one of the server for TCP, and no Caddyfile is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "certs").mkdir(exist_ok=True)
    world = load_world()
    world["http3"] = world["http3"] if with_http3 else []
    http3 = set(world["http3"])
    hosts = hosts_of(world)
    files, spki = make_certificates(folder / "certs", hosts)
    answers = {}
    for host in sorted(hosts):
        v4, v6 = address_of(host, http3)
        answers[host] = {"a": v4, "aaaa": v6 if number("v6" + host, 10) < 5 else None, "cname": alias_of(host),
                         "https": number("rr" + host, 10) < 4}
    for name, target in world["alias"].items():
        answers[name] = {**answers[target], "cname": target}
    (folder / "dns.json").write_text(json.dumps({"hosts": answers, "listen": ["10.66.0.1"]}))
    world["certs"], world["key"], world["spki"] = files, str(folder / "certs/key.pem"), spki
    world["tenants"] = TENANTS
    world["web4"] = [f"198.18.0.{n}" for n in range(1, WEB_ADDRESSES + 1)]
    world["web6"] = [f"2001:db8:18::{n:x}" for n in range(1, WEB_ADDRESSES + 1)]
    (folder / "world.json").write_text(json.dumps(world))
    sites = []
    for host in sorted(http3):
        sites.append(f"https://{host} {{\n\tbind {' '.join(address_of(host, http3))}\n"
                     f"\ttls {files[domain_of(host)]} {world['key']}\n"
                     "\treverse_proxy 127.0.0.1:8080\n}")
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n"
        f"\tstorage file_system {folder}/caddy\n\tlog {{\n\t\toutput file {folder}/caddy.log\n\t}}\n"
        "\tservers {\n\t\tprotocols h1 h2 h3\n\t}\n}\n" + "\n".join(sites) + "\n")
    return world

