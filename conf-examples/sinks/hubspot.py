#!/usr/bin/env python3
"""
Makes the sender a HubSpot contact, and the message a note of it: hubspot.py URL TOKEN-FILE
The contact is known by its property linkedin_id, which has to be there, with unique values.
A message whose sender has no id is no contact's: it is given up, and hookspool deliveries --state dead has it.
"""
import html
import http.client
import json
import os
import sys
import urllib.error
import urllib.request

url, token_file = sys.argv[1:]
event = os.environ
if not event["HOOKSPOOL_SENDER_ID"]:
    print("the sender has no id", file=sys.stderr)
    sys.exit(65)  # EX_DATAERR: it is not tried again
with open(token_file) as f:
    token = f.read().strip()


def post(path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(),
                                     {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.read()


def id_in(answer):
    try:
        return json.loads(answer)["results"][0]["id"]
    except (ValueError, LookupError, TypeError):  # no JSON, or no id where it should be
        print("no contact in what HubSpot says:", answer[:500], file=sys.stderr)
        sys.exit(75)


try:
    first, _, last = event["HOOKSPOOL_SENDER_NAME"].strip().partition(" ")
    contact = id_in(post("/crm/v3/objects/contacts/batch/upsert", {"inputs": [{
        "idProperty": "linkedin_id", "id": event["HOOKSPOOL_SENDER_ID"],
        "properties": {"firstname": first, "lastname": last}}]}))
    note = html.escape(event["HOOKSPOOL_TEXT"][:10000]).replace("\n", "<br>") + f"<br><small>{event['HOOKSPOOL_ID']}</small>"
    post("/crm/v3/objects/notes", {  # 202 is HubSpot's number for "note to contact"
        "properties": {"hs_timestamp": event["HOOKSPOOL_SENT_AT"] or event["HOOKSPOOL_RECEIVED_AT"], "hs_note_body": note},
        "associations": [{"to": {"id": contact}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 202}]}]})
except urllib.error.HTTPError as e:
    print(e, e.read(500), file=sys.stderr)
    # EX_TEMPFAIL: it is tried again, as a key that is refused tells nothing of the message; EX_UNAVAILABLE: it is not
    sys.exit(75 if e.code in (401, 403, 408, 429) or e.code >= 500 else 69)
except (OSError, http.client.HTTPException) as e:
    print(repr(e), file=sys.stderr)
    sys.exit(75)
