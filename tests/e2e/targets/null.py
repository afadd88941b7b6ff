# SPDX-License-Identifier: ISC
"""Nothing: what a null sink does is its options' matter, and tested in test_null.py."""
from targets import SinkTarget


class NullTarget(SinkTarget):
    type, keeps, poisons, breaks, hangs = "null", False, False, False, False
