#!/bin/sh
# SPDX-License-Identifier: ISC
# Appends the event, its first argument, to a file and syncs it; webhook has checked the signature.
printf '%s\n' "$1" >>"$EVENTS" && sync -d "$EVENTS" && echo '{"status":"stored"}'
