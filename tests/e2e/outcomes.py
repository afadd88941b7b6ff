# SPDX-License-Identifier: ISC
"""What every answer of ours must look like."""

STATUS = {"stored": 200, "duplicate": 200, "ignored": 200, "malformed": 400, "incomplete": 400, "unauthorized": 401,
          "forbidden": 403, "not_found": 404, "method_not_allowed": 405, "timeout": 408, "too_large": 413,
          "unsupported_encoding": 415, "unsupported_type": 415, "rate_limited": 429, "header_too_large": 431, "busy": 503, "unavailable": 503,
          "unacknowledged": 503}


def expect(reply, code, marker=None):
    """An answer of ours: its status, code and headers, and nothing of the request in it."""
    assert (reply.status, reply.code) == (STATUS[code], code), reply
    assert reply.headers["cache-control"] == "no-store"
    assert "x-powered-by" not in reply.headers and "hookspool" not in str(reply.headers).lower()
    assert ("id" in reply.json) == (code in ("stored", "duplicate"))
    if reply.status >= 400:
        assert set(reply.json) == {"status", "message"}
    assert (reply.headers.get("allow") == "POST") == (code == "method_not_allowed")
    assert ("retry-after" in reply.headers) == (reply.status in (429, 503))
    if marker:
        assert marker not in reply.body.decode() + str(reply.headers)
    return reply
