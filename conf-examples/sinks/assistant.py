#!/usr/bin/env python3
"""
Answers a message by an assistant that speaks OpenAI's API: assistant.py URL MODEL KEY-FILE PROMPT-FILE
What it prints is the answer; nothing, when the assistant says NO ANSWER. Strangers write to it: it has no tools.
"""
import http.client
import json
import os
import sys
import urllib.error
import urllib.request

url, model, key_file, prompt_file = sys.argv[1:]
with open(key_file) as f:
    key = f.read().strip()
with open(prompt_file) as f:
    prompt = f.read()
message = f"{os.environ['HOOKSPOOL_SENDER_NAME'] or 'Somebody'} writes:\n\n{os.environ['HOOKSPOOL_TEXT']}"
body = {"model": model, "messages": [{"role": "system", "content": prompt}, {"role": "user", "content": message}]}
request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode(),
                                 {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
try:
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
except urllib.error.HTTPError as e:
    print(e, e.read(500), file=sys.stderr)
    # EX_TEMPFAIL: it is tried again, as a key that is refused tells nothing of the message; EX_UNAVAILABLE: it is not
    sys.exit(75 if e.code in (401, 403, 408, 429) or e.code >= 500 else 69)
except (OSError, http.client.HTTPException) as e:
    print(repr(e), file=sys.stderr)
    sys.exit(75)
try:
    answer = json.loads(text)["choices"][0]["message"]["content"].strip()
except (ValueError, LookupError, TypeError, AttributeError):  # no JSON, or no text where it should be
    print("no answer in what the service says:", text[:500], file=sys.stderr)
    sys.exit(75)
sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # JSON can have half a character
if answer.strip("\"'*`.! ").upper() != "NO ANSWER":
    print(answer)
