/* SPDX-License-Identifier: ISC */
/* Sinks of the type exec: one program for each message, which gets the body on standard input and the fields in its environment. */
#ifndef EXEC_H
#define EXEC_H

#include "sink/driver.h"

/*
 * Exit status 0 is success. EX_TEMPFAIL (75) is retried; the other statuses of sysexits.h from EX_DATAERR (65) to EX_CONFIG (78) are
 * refused; any other, and a signal, is retried. At the deadline the program's process group gets SIGTERM, and SIGKILL when the
 * program has ended, or 5 s later. What the program prints is the answer; where the sink has a reply, standard output is the reply,
 * 64 KiB at most. The process must ignore SIGPIPE.
 */
extern const struct sink_driver exec_driver;

#endif
