# SPDX-License-Identifier: ISC
"""Tables of a document, in Markdown."""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ms(microseconds):
    return f"{microseconds / 1000:.2f}"
