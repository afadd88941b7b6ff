# SPDX-License-Identifier: ISC
"""Flask: checks the signature over the raw body, appends the event to a file and fdatasyncs it before the 200."""
import hashlib
import hmac
import os

from flask import Flask, jsonify, request

app = Flask(__name__)
SECRET, AUTHORIZATION = os.environ["SECRET"].encode(), os.environ["AUTHORIZATION"]
out = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
seen = set()


@app.post("/webhook/linkedin")
def receive():
    body = request.get_data()
    right = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    if not (hmac.compare_digest(request.headers.get("X-Webhook-Signature", ""), right)
            and hmac.compare_digest(request.headers.get("Authorization", ""), AUTHORIZATION)):
        return jsonify(status="unauthorized"), 401
    key = request.get_json()["data"]["message_urn"]
    if key not in seen:
        os.write(out, body + b"\n")
        os.fdatasync(out)
        seen.add(key)
    return jsonify(status="stored")
