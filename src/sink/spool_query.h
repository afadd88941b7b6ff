/* Reading the spool back: events by filter, rejected deliveries, counters; and purging. */
#ifndef SPOOL_QUERY_H
#define SPOOL_QUERY_H

#endif
