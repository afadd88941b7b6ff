/* SPDX-License-Identifier: ISC */
/* The options of an answer, as endpoint, scheme and handshake have them; and texts that borrow from the tree. */
#ifndef KIND_ANSWER_H
#define KIND_ANSWER_H

#include "conf/option.h"

extern const struct option_kind kind_status;   /* unsigned: 200, 201, 202 or 204 */
extern const struct option_kind kind_borrowed; /* const char *, borrowed from the tree */

bool kind_read_borrowed(const struct option_row *row, cfg_t *sec, void *field);

/*
 * Checks answer-status, answer-type and answer-body of a section together: the answer is fixed text, and nothing in it can break the
 * head of the answer. False after an error was reported.
 */
bool kind_check_answer(cfg_t *sec);

#endif
