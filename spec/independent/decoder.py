#!/usr/bin/env python3
"""A second implementation of the reading side of Subrosa.

It was written from the book alone, and shares no code with the rest of the repository. Keep it so:
what it needs to know is stated in spec/src, or is missing there. Python 3.9, standard library.

    decoder.py --check BOOK_DIR VECTORS_DIR
        Compares with the book's page *Test vectors* and with the JSON vectors, one line for each
        comparison. Exit status 1 if any differs.

    decoder.py --calldata
        Reads the three packed strings of `submitBatch` from standard input as hex, one a line, in
        the order of L1: depositsData, slotsData, withdrawalsData. "0x" is optional, an empty line
        is an empty string. Prints their fields as JSON: elements, nullifiers and bytes as hex,
        amounts as decimal strings. Malformed input: one line on standard error, exit status 2.

A function's text names the section of the book that it follows.
"""

import json
import sys

from primitives import *
from batch import parse_calldata
from comparisons import unhex
from checks import check


def print_calldata():
    """The fields of three strings on standard input (see the head of this file)."""
    try:
        lines = sys.stdin.read().splitlines()
        if len(lines) != 3:
            raise FormError(f"expected three lines of hex, found {len(lines)}")
        parts = parse_calldata(*(unhex(line.strip()) for line in lines))
    except ValueError as error:
        print(f"malformed: {error}", file=sys.stderr)
        return 2

    def show(v):
        if isinstance(v, list):
            return [show(x) for x in v]
        return "0x" + v.hex() if isinstance(v, bytes) else f"0x{v:064x}"

    def show_nullifiers(v):
        return [f"0x{n:048x}" for n in v]

    shown = dict(slot=int, asset=int, value=str, amount=str, taken_back=bool)
    shown["nullifiers"] = show_nullifiers
    fields = [
        [{k: shown.get(k, show)(v) for k, v in r._asdict().items()} for r in part] for part in parts
    ]
    print(json.dumps(dict(zip(("deposits", "transactions", "withdrawals"), fields)), indent=1))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"] and len(sys.argv) == 4:
        sys.exit(check(*sys.argv[2:]))
    if sys.argv[1:] == ["--calldata"]:
        sys.exit(print_calldata())
    print(__doc__, file=sys.stderr)
    sys.exit(2)
