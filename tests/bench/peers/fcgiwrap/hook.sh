#!/bin/sh
# SPDX-License-Identifier: ISC
# A CGI script: checks the signature with openssl, appends the event to a file and syncs it before the 200.
body=$(mktemp) || exit
trap 'rm -f "$body"' EXIT
head -c "$CONTENT_LENGTH" >"$body"
right=sha256=$(openssl dgst -sha256 -hmac "$SECRET" -r "$body" | cut -d' ' -f1)
if [ "$HTTP_X_WEBHOOK_SIGNATURE" != "$right" ] || [ "$HTTP_AUTHORIZATION" != "$AUTHORIZATION" ]; then
	printf 'Status: 401 Unauthorized\r\nContent-Type: application/json\r\n\r\n{"status":"unauthorized"}'
	exit
fi
{ cat "$body"; echo; } >>"$EVENTS" && sync -d "$EVENTS" &&
	printf 'Content-Type: application/json\r\n\r\n{"status":"stored"}'
