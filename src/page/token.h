/* SPDX-License-Identifier: ISC */
/* The token that an action must bring: it shows that the page, read by this user, made the request. */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>

#include "conf/conf.h"

enum { TOKEN_TEXT = 96 };

/*
 * Writes the user's token, which is good for a day: the hour in which it ends, and an HMAC of that and the user. The key is in the
 * spool's directory, so that all processes of the page share it; it is made when it is missing. False: it cannot be read or made.
 */
bool token_make(const struct conf *conf, const char *user, char token[TOKEN_TEXT]);

/* True for the user's token, while it is good. The time that it takes tells nothing of the right one. */
bool token_check(const struct conf *conf, const char *user, const char *token);

#endif
