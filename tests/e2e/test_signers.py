# SPDX-License-Identifier: ISC
"""The providers' own packages: the receiver takes their signatures, they take ours, and samples get the same verdict from both."""
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from place import BASE, SOURCE, need, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import deliver as relayed
from relaying import home_with, sink, tried
from servers import nginx
from test_providers import FILES, home_for, is_delivery, load, outcome, post

SECRETS = {"github": "It's a Secret to Everybody", "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
           "stripe": "whsec_test_secret"}
WRONG = {**{scheme: secret + "x" for scheme, secret in SECRETS.items()}, "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"}
SIGN_A_TIME = ["standard-webhooks", "stripe"]


def unpack_parts(where):
    """The files of parts.json, from packages that are as they were when the list was made. As a whole these take a minute to install."""
    parts, to = json.loads((where / "parts.json").read_text()), where / "tarballs"
    to.mkdir()
    (where / "parts").mkdir()
    (where / "parts/package.json").write_text("{}")  # these are no ES modules, and those beside them are
    done = subprocess.run([need("npm"), "pack", "--silent", "--ignore-scripts", "--pack-destination", to, *(f"{one['package']}@{one['version']}" for one in parts)],
                          cwd=where, capture_output=True, text=True, env={**os.environ, "npm_config_cache": str(BASE / "npm")})
    assert done.returncode == 0, done.stderr
    for one, name in zip(parts, done.stdout.split(), strict=True):
        digest = hashlib.sha512((to / name).read_bytes()).digest()
        assert "sha512-" + base64.b64encode(digest).decode() == one["integrity"], one
        into = where / "parts" / one["package"]
        into.mkdir(parents=True)
        subprocess.run(["tar", "-xzf", to / name, "-C", into, "--strip-components=1", *(f"package/{file}" for file in one["files"])], check=True)


@pytest.fixture(scope="module")
def packages():
    """The directory with the packages, as locked."""
    where = BASE / "signers"
    shutil.copytree(SOURCE / "tests/e2e/signers", where, ignore=shutil.ignore_patterns("node_modules"))
    need("node")
    done = subprocess.run([need("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=where, capture_output=True, text=True,
                          env={**os.environ, "npm_config_cache": str(BASE / "npm")})
    assert done.returncode == 0, done.stderr
    unpack_parts(where)
    return where


@pytest.fixture(scope="module")
def front():
    home = Home(*(endpoint(f"/{scheme}", scheme=scheme, secret_file=[f"{scheme}.key"]) for scheme in SECRETS),
                files={f"{scheme}.key": secret for scheme, secret in SECRETS.items()})
    server = nginx(home)
    yield server
    server.stop()


def deliver(packages, front, scheme, body, secret=None, at=None, times=1):
    """The answers: a list of "STATUS OUTCOME"."""
    done = run([need("node"), "deliver.js", f"http://127.0.0.1:{front.port}/{scheme}", scheme, secret or SECRETS[scheme],
                str(at or int(time.time())), str(times)], stdin=body, cwd=packages)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def event(**more):
    return json.dumps({"id": f"evt_{time.time_ns()}", "type": "customer.created", **more}, ensure_ascii=False, indent=2).encode()


@pytest.mark.parametrize("scheme", SECRETS)
def test_package_signature_is_accepted_once(packages, front, scheme):
    body = event(name="Žofie Nováková 李 👋 \u2028", amount=1.10)
    assert deliver(packages, front, scheme, body, times=3) == ["200 stored", "200 duplicate", "200 duplicate"]
    assert front.home.spool.event(endpoint=f"/{scheme}")["body"] == body


@pytest.mark.parametrize("scheme", SECRETS)
def test_package_signature_of_another_secret_is_refused(packages, front, scheme):
    assert deliver(packages, front, scheme, event(), WRONG[scheme]) == ["401 unauthorized"]


@pytest.mark.parametrize("scheme", SIGN_A_TIME)
@pytest.mark.parametrize("off", [-400, 400])
def test_package_signature_outside_the_tolerance_is_refused(packages, front, scheme, off):
    assert deliver(packages, front, scheme, event(), at=int(time.time()) + off) == ["401 unauthorized"]


@pytest.mark.parametrize("scheme", SECRETS)
def test_own_signature_is_accepted_by_the_package(packages, front, scheme, children):
    theirs = Child([need("node"), packages / "receive.js", scheme, SECRETS[scheme]], packages / f"{scheme}.log")
    port = int(until(theirs.text, "its port"))
    send = ["send", "--endpoint", f"/{scheme}", f"http://127.0.0.1:{port}/"]
    done = front.home.cli(*send)
    assert done.returncode == 0 and b"200 after" in done.stdout, done.stdout.decode() + done.stderr.decode()
    assert front.home.cli(*send, "--bad-signature").returncode == 1


@pytest.mark.parametrize("knows", ["new", "old"])
def test_sink_with_two_secrets_is_accepted_by_the_package(packages, receiver, relay, knows):
    """Standard Webhooks' own package knows one of the secrets that the sink signs with."""
    secrets = {"new": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "old": SECRETS["standard-webhooks"]}
    theirs = Child([need("node"), packages / "receive.js", "standard-webhooks", secrets[knows]], packages / f"two-{knows}.log")
    port = int(until(theirs.text, "its port"))
    home = home_with(sink("out", url=f"http://127.0.0.1:{port}/", secret_file=["new", "old"]), files=secrets)
    one = receiver(home=home)
    relay(home).ready()
    relayed(one)
    assert tried(home)[0]["status"] == 200


def flipped(text):
    """The text with one letter changed, in the middle."""
    at = len(text) // 2
    return text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1:]


# Their providers do not sign the whole body: a value of it that is signed
SIGNED_VALUE = {"adyen-payments": "or-0001", "dropbox-sign": "signature_request_signed", "aws-sns": "eu-west-1:000000000000:sample"}


def changed(sample):
    """The sample, and how it is no longer what the provider signed: body, signatures and secret, each with one letter changed."""
    wrong = {name: re.sub(r"[\w+/]{20,}", lambda one: flipped(one[0]), value) for name, value in sample["headers"].items()
             if re.search("signature|hmac", name, re.I)}
    yield "as it came", sample
    if sample["scheme"] in SIGNED_VALUE:
        value, body = SIGNED_VALUE[sample["scheme"]], sample["body"]
        yield "body", {**sample, "body": body.replace(value, flipped(value))}
        yield "signature", {**sample, "body": re.sub(r'(?<=ignature":")[\w+/]{40,}|(?<=event_hash":")\w{64}', lambda one: flipped(one[0]), body)}
    else:
        if sample["method"] == "POST":
            yield "body", {**sample, "body": flipped(sample["body"])}
        yield "signature", {**sample, "headers": {**sample["headers"], **wrong}}
    yield "secret", {**sample, "secret": flipped(sample["secret"])}


# the providers and schemes that judge.js has a package for
JUDGED = set(re.findall(r'^  "?([a-z][a-z0-9-]*)"?(?:: \(|\(\{|,$)', (SOURCE / "tests/e2e/signers/judge.js").read_text(), re.M))
JUDGED_FILES = [name for name in FILES if is_delivery(name) and load(name).get("verified_by") and {load(name)["provider"], load(name)["scheme"]} & JUDGED]


@pytest.fixture(scope="module")
def verdicts(packages):
    """What the provider's package says of each sample and each change; None: there is no such package."""
    asked = [(name, what, one) for name in JUDGED_FILES for what, one in changed(load(name))]
    done = run([need("node"), "judge.js"], stdin=json.dumps([one for _, _, one in asked]).encode(), cwd=packages)
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert len(said) == len(asked)
    return {(name, what): (one, verdict) for (name, what, one), verdict in zip(asked, said)}


def test_packages_are_those_of_the_judge():
    assert len(JUDGED) >= 35 and len(JUDGED_FILES) >= 65 and {"stripe", "sendgrid", "square", "aws-sns", "elevenlabs"} <= JUDGED


@pytest.mark.parametrize("name", JUDGED_FILES)
def test_package_and_receiver_agree(verdicts, name):
    """Accepted where the provider's package accepts, unauthorized where it does not."""
    compared = 0
    for what in ("as it came", "body", "signature", "secret"):
        sample, right = verdicts.get((name, what), (None, None))
        if sample is None:
            continue
        assert right is (what == "as it came"), f"the package says {right} of the {what}"
        try:
            _, log = post(home_for(sample), sample)
            got = outcome(log)
        except IndexError:
            got = "unauthorized"  # a changed secret may be none at all: the receiver says so, and takes nothing
            assert what == "secret", log
        assert got == ("stored" if right else "unauthorized"), (what, log)
        compared += 1
    assert compared >= 3
