# SPDX-License-Identifier: ISC
"""conf-examples/monitoring: Prometheus' rules, their own tests, the board's expressions against a real server, the plug-in for Nagios."""
import json
import re
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

import fcgi_client
from examples import EXAMPLES
from outcomes import expect
from page import Page
from place import BIN, ROOT, SLOW, SOURCE, need, new_dir, run, until
from proc import Child
from receiver import Home, endpoint
from relaying import PATH, Relay, Target, deliver, home_with, sink, states
from servers import free_port
from test_health import ask, locked
from test_metrics import until_counted

MONITORING = EXAMPLES / "monitoring"
NAME = re.compile(r"\bhookspool_[a-z_]+")


def promtool(*args):
    return run([need("promtool"), *args])


# ---- rules

def test_rules_and_their_tests():
    done = promtool("check", "rules", MONITORING / "hookspool.rules.yml")
    assert done.returncode == 0 and b"16 rules found" in done.stdout, done.stdout + done.stderr
    done = promtool("test", "rules", MONITORING / "hookspool.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (MONITORING / "hookspool.rules.test.yml").read_text()
    rules = set(re.findall(r"alert: (\w+)", (MONITORING / "hookspool.rules.yml").read_text()))
    fired = set(re.findall(r"- alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels", text))
    assert rules == fired, "each rule has a test in which it fires"


@pytest.mark.parametrize("rule, other", [("> 600", "> 60000"), ("outcome=~\"unavailable|busy|unacknowledged\"", "outcome=~\"busy\""),
                                         ("hookspool_receiver_up == 0", "hookspool_receiver_up == 2"), ("< 200e6", "< 200e9")])
def test_rules_tests_find_a_wrong_rule(rule, other):
    where = new_dir("rules")
    text = (MONITORING / "hookspool.rules.yml").read_text()
    assert rule in text
    (where / "hookspool.rules.yml").write_text(text.replace(rule, other))
    shutil.copy(MONITORING / "hookspool.rules.test.yml", where)
    assert promtool("test", "rules", where / "hookspool.rules.test.yml").returncode != 0


def test_configuration_of_prometheus():
    done = promtool("check", "config", MONITORING / "prometheus.yml")
    assert done.returncode == 0 and b"16 rules found" in done.stdout, done.stdout + done.stderr


# ---- a real server

class Web:
    """The page's /metrics over HTTP, for a client that asks as Prometheus does."""

    def __init__(self, page):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer = page.get("/metrics", headers={"Accept": self.headers["Accept"]})
                web.types.add(answer.headers["content-type"].split(";")[0])
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["content-type"])
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_):
                pass

        web, self.types = self, set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus(Child):
    """A server that asks the targets each half second."""

    def __init__(self, port):
        self.dir, self.port = new_dir("prometheus"), free_port()
        (self.dir / "prometheus.yml").write_text("global: {scrape_interval: 500ms, evaluation_interval: 1s}\n"
            f"rule_files: [{MONITORING}/hookspool.rules.yml]\n"
            f"scrape_configs: [{{job_name: hookspool, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n")
        super().__init__([need("prometheus"), f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                          f"--web.listen-address=127.0.0.1:{self.port}"], self.dir / "prometheus.log")
        self.until(self.is_ready, "Prometheus is ready", 30)

    def is_ready(self):
        try:
            return self.get("/-/ready")
        except OSError:
            return None

    def get(self, path):
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.read()

    def query(self, expression):
        """The result; an error of the expression fails the test."""
        try:
            answer = json.loads(self.get("/api/v1/query?" + urlencode({"query": expression})))
        except HTTPError as error:
            raise AssertionError(f"{expression}: {error.read()}") from None
        assert answer["status"] == "success" and not answer.get("warnings"), (expression, answer)
        return answer["data"]["result"]


def board():
    return json.loads((MONITORING / "grafana.json").read_text())


def expressions():
    """The board's expressions, with Grafana's variables replaced."""
    for panel in board()["panels"]:
        for target in panel["targets"]:
            text = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m").replace("$__range", "1h")
            assert "$" not in text, text
            yield panel["title"], text


def test_board_has_what_grafana_needs():
    panels = board()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 20
    taken = set()
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries", "table") and panel["title"] and panel["targets"]
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells
    assert [variable["name"] for variable in board()["templating"]["list"]] == ["source", "instance"]


def test_each_expression_of_the_board_finds_something():
    target = Target()
    sinks = [sink("out", url=target.url, retry=["1s", "1s", "1h"]), sink("down", url="http://127.0.0.1:9/", retry=["1h", "1h", "2d"])]
    home = Home(*sinks, endpoint(PATH, relay=["out", "down"], expect="24h"))
    receiver = home.start()
    deliver(receiver)  # before the relay, so that its spool is there
    relay = Relay(home).ready()
    page = Page(home)
    web = Web(page)
    prometheus = Prometheus(web.port)
    target.answers = [{}, {"status": 400}]
    for _ in range(6):
        deliver(receiver, 2)
        expect(fcgi_client.deliver(receiver.socket, b"{}", path=PATH, headers={"X-Webhook-Signature": "sha256=00"}), "unauthorized")
        time.sleep(0.4)
    until(lambda: states(home).count(1) >= 5, "events are delivered", 20)
    until(lambda: prometheus.query("hookspool_build_info"), "Prometheus has read the metrics", 20)
    assert web.types == {"application/openmetrics-text"}, "Prometheus asks for OpenMetrics, and gets it"
    left = set(expressions())

    end, sent = time.monotonic() + 20 * SLOW, 13
    while left and time.monotonic() < end:
        deliver(receiver)
        sent += 1
        left = {one for one in left if not prometheus.query(one[1])}
    assert not left, "these find nothing"
    assert prometheus.query("up")[0]["value"][1] == "1"
    stored = 'hookspool_deliveries_total{outcome="stored"}'
    until(lambda: float(prometheus.query(stored)[0]["value"][1]) == sent, "all deliveries are counted")
    rules = json.loads(prometheus.get("/api/v1/rules"))["data"]["groups"][0]["rules"]
    assert len(rules) == 16 and {rule["health"] for rule in rules} == {"ok"}, [rule.get("lastError") for rule in rules]
    assert {alert["labels"]["alertname"] for alert in json.loads(prometheus.get("/api/v1/alerts"))["data"]["alerts"]} <= {
        "HookspoolDeadLetters", "HookspoolSinkPaused", "HookspoolRefusing"}
    prometheus.end()
    web.close()
    page.stop()
    relay.stop()
    receiver.stop()
    target.close()


def test_documents_name_the_metrics_that_there_are():
    home = Home('sink "out" { type = "null" }\n', endpoint(PATH, relay=["out"], expect="24h"))
    receiver = home.start()
    deliver(receiver)
    expect(fcgi_client.deliver(receiver.socket, b"{}", path=PATH, headers={"X-Webhook-Signature": "sha256=00"}), "unauthorized")
    until_counted(home, 2)
    text = home.cli("stats", "--prometheus").stdout.decode()
    families = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    samples = {line.split("{")[0].split()[0] for line in text.splitlines() if not line.startswith("#")}
    section = re.search(r"^\.Sh METRICS\n(.*?)^\.Sh", (SOURCE / "man/hookspool-page.fcgi.8").read_text(), re.M | re.S)[1]
    assert families == {name for name in NAME.findall(section) if not name.startswith("hookspool_catch_up_")}
    for path in MONITORING.iterdir():
        names = {name for name in NAME.findall(path.read_text()) if name not in ("hookspool_health",)}
        assert names <= samples, (path.name, names - samples)
    receiver.stop()


# ---- health, plug-in, cron

def test_blackbox_module():
    home = Home(endpoint(PATH), health="/health")
    receiver = home.start()
    deliver(receiver)
    where, port = new_dir("blackbox"), free_port()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = ask(receiver)
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_):
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    text = (MONITORING / "blackbox.yml").read_text()
    (where / "blackbox.yml").write_text(text.replace("fail_if_not_ssl: true", "fail_if_not_ssl: false"))
    exporter = Child([need("prometheus-blackbox-exporter"), f"--config.file={where}/blackbox.yml", f"--web.listen-address=127.0.0.1:{port}"],
                     where / "exporter.log")

    def probed():
        try:
            url = urlencode({"target": f"http://127.0.0.1:{web.server_address[1]}/health", "module": "hookspool_health"})
            with urlopen(f"http://127.0.0.1:{port}/probe?{url}", timeout=20) as answer:
                return int(re.search(rb"^probe_success (\d)", answer.read(), re.M)[1])
        except OSError:
            return None

    assert until(lambda: probed() is not None, "the exporter answers", 20) and probed() == 1
    with locked(home):
        until(lambda: probed() == 0, "the probe fails", 20)
    exporter.end()
    web.shutdown()
    web.server_close()
    receiver.stop()


def plugin(home, *args, user=None):
    """The plug-in with this build's program."""
    return run([MONITORING / "check_hookspool", "-c", home.conf, *args], env={"PATH": f"{BIN}:/usr/bin:/bin"}, user=user)


def test_plugin_for_nagios():
    home = home_with('sink "out" { type = "null" }\n', relay=["out"])
    receiver = home.start()
    deliver(receiver, 3)
    relay = Relay(home).ready()
    until(lambda: states(home) == [1, 1, 1], "all are delivered")
    done = plugin(home, "--socket", f"unix:{receiver.socket}")
    first, *more = done.stdout.decode().splitlines()
    text, _, numbers = first.partition(" | ")
    assert re.match(r"HOOKSPOOL (OK|WARNING) - ", text), first
    assert {"'pending_out'=0", "'dead_out'=0"} < set(numbers.split()) and re.search(r"\bspool=\d+B( |$)", numbers) and re.search(r"\bfree=\d+B( |$)", numbers)
    assert (done.returncode == 0) == ("OK" in text) and all(line.startswith(("FAIL", "warn")) for line in more)
    relay.kill()
    receiver.stop()
    done = plugin(home, "--socket", f"unix:{receiver.socket}")
    first, *more = done.stdout.decode().splitlines()
    assert done.returncode == 2 and first.startswith("HOOKSPOOL CRITICAL - FAIL socket"), done.stdout
    assert more and not any(line.startswith("ok") for line in more)
    done = plugin(home, "--nonsense")
    assert done.returncode == 3 and done.stdout.startswith(b"HOOKSPOOL UNKNOWN - "), done.stdout
    home.conf.write_text("nonsense\n")
    assert plugin(home).returncode == 2


NAGIOS = """log_file={dir}/nagios.log
cfg_file={dir}/site.cfg
cfg_file={example}
nagios_user=root
nagios_group=root
object_cache_file={dir}/objects
status_file={dir}/status
lock_file={dir}/lock
temp_file={dir}/temp
temp_path={dir}
check_result_path={dir}
command_file={dir}/command
state_retention_file={dir}/retention
"""

SITE = """define timeperiod {
	timeperiod_name 24x7
	alias always
	sunday 00:00-24:00
}
define command {
	command_name none
	command_line /bin/true
}
define contact {
	contact_name root
	host_notification_period 24x7
	service_notification_period 24x7
	host_notification_commands none
	service_notification_commands none
}
define host {
	host_name hooks
	address 127.0.0.1
	max_check_attempts 3
	check_period 24x7
	notification_period 24x7
	contacts root
	check_command none
}
define service {
	name generic-service
	register 0
	check_period 24x7
	notification_period 24x7
	max_check_attempts 3
	contacts root
}
"""

ICINGA = """include <itl>
include <plugins>
const NodeName = "monitor"
const ZoneName = "monitor"
const PluginDir = "/usr/lib/nagios/plugins"
object Endpoint "monitor" {{ }}
object Zone "monitor" {{ endpoints = [ "monitor" ] }}
object Endpoint "agent" {{ host = "192.0.2.1" }}
object Zone "agent" {{ endpoints = [ "agent" ], parent = "monitor" }}
include_zones "etc", "{zones}"
"""

HOST = """object Host "hooks" {
	check_command = "dummy"
	vars.hookspool = "hooks.example.com"
	vars.agent_endpoint = "agent"
}
"""


def load_in_nagios(text):
    """Runs the program's own check of a site that includes the example; gives its words."""
    where = new_dir("nagios")
    (where / "example.cfg").write_text(text)
    (where / "site.cfg").write_text(SITE)
    (where / "nagios.cfg").write_text(NAGIOS.format(dir=where, example=where / "example.cfg"))
    done = run([need("nagios4"), "-v", where / "nagios.cfg"])
    return done.returncode, done.stdout.decode(errors="replace")


def load_in_icinga(text):
    where = new_dir("icinga")
    (where / "zones.d/monitor").mkdir(parents=True)
    (where / "zones.d/monitor/hookspool.conf").write_text(text)
    (where / "zones.d/monitor/hosts.conf").write_text(HOST)
    (where / "icinga2.conf").write_text(ICINGA.format(zones=where / "zones.d"))
    cache = [f"-D{name}={where}" for name in ("Configuration.CacheDir", "Configuration.DataDir", "Configuration.LogDir", "Configuration.InitRunDir")]
    done = run([need("icinga2"), "daemon", "-C", "-c", where / "icinga2.conf", "-DConfiguration.RunAsUser=root", "-DConfiguration.RunAsGroup=root", *cache])
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.skipif(not ROOT, reason="the programs change their user")
@pytest.mark.parametrize("name, load, said", [("nagios.cfg", load_in_nagios, "Checked 2 services"), ("icinga2.conf", load_in_icinga, "Instantiated 2 Services")])
def test_nagios_and_icinga_load_their_example(name, load, said):
    text = (MONITORING / name).read_text()
    assert "/usr/local/lib/nagios/plugins/check_hookspool" in text
    status, words = load(text)
    assert status == 0 and said in words, words
    status, words = load(text.replace("check_command", "check_comand", 1))
    assert status != 0, words


def test_line_of_cron_replaces_the_file():
    home = Home(endpoint(PATH))
    receiver = home.start()
    deliver(receiver)
    where = new_dir("textfile")
    text = (MONITORING / "hookspool-metrics.cron").read_text()
    command = re.search(r"^\* \* \* \* \*  root  (.*)", text, re.M)[1]
    command = command.replace("hookspool stats", f"{BIN}/hookspool -c {home.conf} stats")
    done = run(["sh", "-c", command], env={"METRICS": f"{where}/hookspool.prom"}, user=None)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in where.iterdir()] == ["hookspool.prom"]
    assert b"hookspool_deliveries_total" in (where / "hookspool.prom").read_bytes()
    receiver.stop()
