# SPDX-License-Identifier: ISC
"""doc/SCALE.md and conf-examples/scale: the files run on real servers, and what the document names is there."""
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from examples import EXAMPLES, loads
from outcomes import expect
from place import BIN, SOURCE, need, new_dir, run, until
from postgresql_server import PostgreSQL
from receiver import Home
from relaying import PATH, Relay, Target
from sender import message, new_urn, padded
from servers import Server, free_port, start_nginx
from test_documents import blocks
from test_man import CONFIGURATION

DOCUMENT = (SOURCE / "doc/SCALE.md").read_text()
FILES = EXAMPLES / "scale"
MANIFEST = (FILES / "kubernetes.yaml").read_text()
CONFIGURATIONS = [(FILES / "hookspool.conf").read_text(), *(block for block in blocks(DOCUMENT, "") if CONFIGURATION.search(block))]


class Configured(Home):
    """A machine with the text of an example: its server, target and directories are the test's."""

    def __init__(self, text, server, target):
        super().__init__(spool="none")
        self.spool.dir = self.dir / "overflow"
        text = re.sub(r'^spool = "[^"]*"', f'spool = "{server.url}"', text, flags=re.M)
        text = re.sub(r'^overflow = "[^"]*"', f'overflow = "{self.spool.dir}"', text, flags=re.M)
        text = re.sub(r'"[^"]*/linkedin.secret"', '"secret"', text)
        text = re.sub(r'^(\s*)url = "https:[^"]*"', rf'\1url = "{target.url}"\n\1allow-private = true', text, flags=re.M)
        self.write("hookspool.conf", re.sub(r'rate = "60/m"', 'rate = "6000/m"', text))


def web(home, receiver, text):
    port = free_port()
    return start_nginx(text.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/run/hookspool/hookspool.sock", str(receiver.socket)),
                       port, [receiver], home)


def balance(sites):
    """HAProxy before two machines."""
    where, port = new_dir("haproxy"), free_port()
    text = (FILES / "haproxy.cfg").read_text().replace("bind :80", f"bind 127.0.0.1:{port}")
    for name, site in zip(("one", "two"), sites):
        assert f"{name}.internal:8080" in text
        text = text.replace(f"{name}.internal:8080", f"127.0.0.1:{site.port}")
    (where / "haproxy.cfg").write_text(text)
    return Server([need("haproxy"), "-db", "-f", where / "haproxy.cfg"], where / "haproxy.log", port)


def two_machines():
    server, target = PostgreSQL(table=None), Target()
    homes = [Configured(CONFIGURATIONS[0], server, target) for _ in range(2)]
    sites = [web(home, home.start(), (FILES / "nginx.conf").read_text()) for home in homes]
    return server, target, homes, sites


def test_two_machines_behind_a_balancer(children):
    """One of them stops: each delivery is answered 200, by the other. All is sent, once."""
    server, target, homes, sites = two_machines()
    relays = [Relay(home).ready() for home in homes]
    balancer = balance(sites)
    sent = [new_urn() for _ in range(40)]
    for number, urn in enumerate(sent):
        if number == 20:
            sites[0].stop()
        expect(balancer.deliver(PATH, message(urn)), "stored")
    assert all(site.entries(outcome="stored") for site in sites), "both have stored some"
    until(lambda: server.one("SELECT count(*) FROM relay WHERE state = 1") == "40", "all are delivered", 60)
    assert len(target.got) == 40
    assert balancer.deliver("/health").status == 404, "the balancer's own question is not for all"
    for one in (*relays, balancer, sites[1]):
        one.stop()


def kill_receiver(site):
    time.sleep(3)  # a check has passed: HAProxy takes a machine away after the first one, if that fails
    site.receivers[0].signal(signal.SIGKILL)
    site.receivers[0].wait(20)


def test_killed_receiver_behind_a_living_nginx(children):
    """Its nginx answers 502 at once, which looks like the less busy machine: no sender gets that answer."""
    server, _, _, sites = two_machines()
    balancer = balance(sites)
    kill_receiver(sites[0])
    with ThreadPoolExecutor(4) as senders:
        replies = list(senders.map(lambda _: balancer.deliver(PATH, message()), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert int(server.one("SELECT count(*) FROM event")) == 200
    assert sites[0].deliver(PATH, message()).status == 502


def test_longer_body_than_the_balancer_repeats(children):
    """The first is answered 502, and its machine gets no more."""
    _, _, _, sites = two_machines()
    balancer = balance(sites)
    kill_receiver(sites[0])
    statuses = [balancer.deliver(PATH, padded(100_000)).status for _ in range(6)]
    assert 200 in statuses and statuses.count(502) <= 1, statuses


def documents():
    return list(yaml.safe_load_all(MANIFEST))


def of_kind(kind):
    return next(d for d in documents() if d["kind"] == kind)


def test_pod_receives_and_relays(children):
    """The ConfigMap's two files, with the image's paths replaced."""
    server, target, files = PostgreSQL(table=None), Target(), of_kind("ConfigMap")["data"]
    home = Configured(files["hookspool.conf"], server, target)
    receiver, relay = home.start(), Relay(home).ready()
    where, port = new_dir("pod"), free_port()
    where.chmod(0o777)
    text = files["nginx.conf"].replace("/tmp/", f"{where}/").replace("listen 8080", f"listen 127.0.0.1:{port}")
    (where / "nginx.conf").write_text(text.replace("/run/hookspool/hookspool.sock", str(receiver.socket)))
    site = Server([need("nginx"), "-e", "stderr", "-c", where / "nginx.conf", "-g", f"daemon off;{' user www-data;' if os.geteuid() == 0 else ''}"],
                  where / "log", port, [receiver], home)
    expect(site.deliver(PATH, message()), "stored")
    assert site.deliver("/health").status == 200
    target.until(1)
    relay.stop()
    site.stop()


def test_pod_has_what_its_containers_name():
    pod = of_kind("Deployment")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    targets = re.findall(r"^FROM .* AS (\w+)$", (SOURCE / "packaging/container/Containerfile").read_text(), re.M)
    for container in pod["containers"]:
        assert re.fullmatch(r".*/hookspool-(\w+):[\d.]+", container["image"])[1] in targets
        assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in pod["containers"][1]["volumeMounts"]}
    conf = of_kind("ConfigMap")["data"]["hookspool.conf"]
    for path in re.findall(r'"(/[^"]*)"', conf):
        assert path.startswith(("/webhook/", "/health")) or any(path.startswith(f"{mount}/") for mount in mounts), path
    assert mounts["/etc/hookspool-secrets"]["secret"]["items"][0]["path"] == "linkedin.secret"
    labels = of_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert of_kind("Service")["spec"]["selector"] == of_kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels


@pytest.mark.parametrize("text", CONFIGURATIONS + [of_kind("ConfigMap")["data"]["hookspool.conf"]])
def test_configuration_loads(text, children):
    loads(text)


def test_commands_and_options_are_there():
    named = re.findall(r"`hookspool ([a-z]+)((?: --[a-z-]+)*)", DOCUMENT)
    assert len(named) > 4
    for subcommand, options in named:
        said = run([BIN / "hookspool", subcommand, "--help"])
        assert said.returncode == 0 and all(option in said.stdout.decode() for option in options.split()), (subcommand, options)
    known = run([BIN / "hookspool", "check", "--options"]).stdout.decode()
    for option in re.findall(r"`([a-z-]+)` \(option\)", DOCUMENT) + re.findall(r"`([a-z]+-[a-z-]+) = ", DOCUMENT):
        assert re.search(rf"\b{option}\b", known), option


def test_paths_and_findings_are_there():
    for path in re.findall(r"`((?:conf-examples|doc|src|packaging|tests)/[\w./-]+)`", DOCUMENT):
        assert (SOURCE / path).exists(), path
    found = set(re.findall(r"`(spool-[a-z]+)`", DOCUMENT)) - {"spool-wait"}
    text = "".join(path.read_text() for path in (SOURCE / "src/cli").glob("check_*.c"))
    assert len(found) > 4 and all(f'"{name}"' in text for name in found), found
