# SPDX-License-Identifier: ISC
"""Limits on callers, and fixed answers: addresses, client certificates, rates."""
import ssl
import urllib.error
import urllib.request

import pytest

import fcgi_client
from outcomes import expect
from place import need, new_dir, run
from receiver import Home, endpoint
from sender import message, signed_headers
from servers import free_port, start_nginx

SUBJECT = "CN=hooks.example.com,O=Example"  # as nginx writes it: RFC 2253


def deliver(receiver, path, more=(), address="192.0.2.1", body=None):
    body = body or message()
    given = [pair for pair in fcgi_client.params(path, body, more=more) if pair[0] != "REMOTE_ADDR"]
    with fcgi_client.Fcgi(receiver.socket) as fcgi:
        fcgi.send(fcgi_client.whole([*given, ("REMOTE_ADDR", address)], body, keep=False))
        return fcgi.reply()


@pytest.fixture(scope="module")
def receiver():
    home = Home(endpoint("/any-certificate", client_certificate=["*"]), endpoint("/certificate", client_certificate=["CN=x", SUBJECT]),
                endpoint("/202", answer_status=202), endpoint("/204", answer_status=204),
                endpoint("/text", answer_body="<Response/>", answer_type="text/xml"), endpoint("/plain", answer_body="ok"))
    one = home.start()
    yield one
    one.stop()


@pytest.mark.parametrize("path, verified, subject, code", [
    ("/certificate", "SUCCESS", SUBJECT, "stored"), ("/certificate", "SUCCESS", SUBJECT + "x", "forbidden"),
    ("/certificate", "SUCCESS", "", "forbidden"), ("/certificate", "SUCCESS", None, "forbidden"),
    ("/certificate", "NONE", SUBJECT, "forbidden"), ("/certificate", "FAILED:expired", SUBJECT, "forbidden"),
    ("/certificate", "", SUBJECT, "forbidden"), ("/certificate", None, SUBJECT, "forbidden"),
    ("/any-certificate", "SUCCESS", "CN=anyone", "stored"), ("/any-certificate", "GENEROUS", "CN=anyone", "forbidden"),
    ("/any-certificate", None, None, "forbidden")])
def test_certificate_variables(receiver, path, verified, subject, code):
    more = [("SSL_CLIENT_VERIFY", verified), ("SSL_CLIENT_S_DN", subject)]
    expect(deliver(receiver, path, [pair for pair in more if pair[1] is not None]), code)


def test_header_is_no_proof_of_a_certificate(receiver):
    more = [("HTTP_SSL_CLIENT_VERIFY", "SUCCESS"), ("HTTP_SSL_CLIENT_S_DN", SUBJECT)]
    expect(deliver(receiver, "/certificate", more), "forbidden")


def make_certificates(where):
    """A certificate authority, a certificate for localhost and one for the sender."""
    def openssl(*args):
        assert run([need("openssl"), *args], cwd=where).returncode == 0
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=Test CA", "-days", "2")
    for name, subject in (("server", "/CN=localhost"), ("client", "/O=Example/CN=hooks.example.com"), ("other", "/CN=other")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", subject)
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
                "-days", "2")


def test_certificate_through_nginx():
    where, port = new_dir("tls"), free_port()
    make_certificates(where)
    one = Home(endpoint("/certificate", client_certificate=[SUBJECT])).start()
    nginx = start_nginx(f"""server {{
      listen 127.0.0.1:{port} ssl;
      ssl_certificate {where}/server.pem;
      ssl_certificate_key {where}/server.key;
      ssl_client_certificate {where}/ca.pem;
      ssl_verify_client optional;
      location / {{
        include /etc/nginx/fastcgi_params;
        fastcgi_param SSL_CLIENT_VERIFY $ssl_client_verify;
        fastcgi_param SSL_CLIENT_S_DN $ssl_client_s_dn;
        fastcgi_pass unix:{one.socket};
      }}
    }}""", port, [one])
    try:
        for name, status in (("client", 200), ("other", 403), (None, 403)):
            context = ssl.create_default_context(cafile=f"{where}/ca.pem")
            context.check_hostname = False
            if name:
                context.load_cert_chain(f"{where}/{name}.pem", f"{where}/{name}.key")
            body = message()
            request = urllib.request.Request(f"https://127.0.0.1:{port}/certificate", body, dict(signed_headers(body)))
            try:
                got = urllib.request.urlopen(request, context=context).status
            except urllib.error.HTTPError as refused:
                got = refused.code
            assert got == status, name
    finally:
        nginx.stop()


@pytest.mark.parametrize("path, status, kind, body", [
    ("/202", 202, "application/json", None), ("/204", 204, None, b""),
    ("/text", 200, "text/xml", b"<Response/>"), ("/plain", 200, "text/plain", b"ok")])
def test_custom_answers_of_an_endpoint(receiver, path, status, kind, body):
    sent = message()
    for code in ("stored", "duplicate"):
        reply = deliver(receiver, path, body=sent)
        assert (reply.status, reply.headers.get("content-type"), reply.headers["cache-control"]) == (status, kind, "no-store")
        assert reply.body == body if body is not None else reply.json["status"] == code
        assert ("content-length" in reply.headers) == (status != 204)
    expect(deliver(receiver, path, [("HTTP_X_WEBHOOK_SIGNATURE", "x")]), "unauthorized")


def expect_limited(reply, seconds):
    expect(reply, "rate_limited")
    assert 1 <= int(reply.headers["retry-after"]) <= seconds


def test_rate_is_shared_by_processes():
    home = Home(endpoint("/rated", rate="2/h", rate_burst=4), endpoint("/other", rate="2/h"), endpoint())
    receivers = [home.start(), home.start()]
    try:
        for n in range(4):
            expect(deliver(receivers[n % 2], "/rated"), "stored")
        for one in receivers:
            expect_limited(deliver(one, "/rated"), 1800)
            expect_limited(deliver(one, "/rated", [("HTTP_X_WEBHOOK_SIGNATURE", "x")]), 1800)
        expect(deliver(receivers[0], "/rated", address="192.0.2.2"), "stored")
        expect(deliver(receivers[0], "/other"), "stored")
        expect(deliver(receivers[0], "/webhook/linkedin"), "stored")
        for n in range(4):
            expect(deliver(receivers[0], "/rated", address=f"2001:db8:0:1::{n}"), "stored")
        expect_limited(deliver(receivers[0], "/rated", address="2001:db8:0:1:ffff::1"), 1800)
        expect(deliver(receivers[0], "/rated", address="2001:db8:0:2::1"), "stored")
        for n in range(5):  # IPv4 on a socket of IPv6
            expect(deliver(receivers[0], "/rated", address=f"::ffff:198.51.100.{n}"), "stored")
        assert not home.spool.rejects() or all(row["code"] != "rate_limited" for row in home.spool.rejects())
        assert (home.spool.dir / "rate").stat().st_mode & 0o777 == 0o600
    finally:
        for one in receivers:
            one.stop()


def test_rate_limit_recovers():
    one = Home(endpoint("/rated", rate="5/s", rate_burst=1)).start()
    try:
        expect(deliver(one, "/rated"), "stored")
        expect_limited(deliver(one, "/rated"), 1)
        one.until(lambda: deliver(one, "/rated").status == 200, "a place is free")
    finally:
        one.stop()


@pytest.mark.parametrize("text, message", [
    ("rate = \"60\"", "60/m"), ("rate = \"0/m\"", "60/m"), ("rate = \"60/d\"", "60/m"), ("rate-burst = 5", "goes with a rate"),
    ("answer-status = 500", "200, 201, 202 or 204"), ("answer-status = 204\nanswer-body = \"x\"", "has no body"),
    ("answer-type = \"text/xml\"", "answer-body"), ("answer-type = \"a\\nb\"\nanswer-body = \"x\"", "media type"),
    (f"answer-body = \"{'x' * 1025}\"", "1024")])
def test_wrong_options(text, message):
    home = Home()
    home.write("hookspool.conf", f'endpoint "/w" {{\nsecret-file = {{"secret"}}\n{text}\n}}\n')
    done = home.cli("check")
    assert done.returncode == 2 and message in done.stdout.decode() + done.stderr.decode()
    assert f"{home.conf}:" in done.stdout.decode() + done.stderr.decode()
