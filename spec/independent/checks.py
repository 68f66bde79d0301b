"""All comparisons, in the order of the page *Test vectors*."""

import json
import os

from check_basics import check_hashes, check_keys, check_numbers
from check_batch import check_batch, check_forms, check_genesis, check_l1
from check_payment import check_payment
from comparisons import Checker


def check(book, vectors):
    """Makes all comparisons. Returns the exit status."""

    def page(name):
        with open(os.path.join(book, f"{name}.md"), encoding="utf-8") as file:
            return file.read()

    def vector(name):
        with open(os.path.join(vectors, f"{name}.json"), encoding="utf-8") as file:
            return json.load(file)

    c = Checker(page("vectors"))
    keys, batch = vector("keys"), vector("batch")
    for section, *args in (
        (check_numbers, page("hashing")),
        (check_hashes, vector("poseidon")),
        (check_keys, keys["seeds"], keys["unaudited"]),
        (check_genesis, batch),
        (check_batch, batch),
        (check_forms, batch),
        (check_payment, page("vectors")),
        (check_l1, batch),
    ):
        try:
            section(c, *args)
        except Exception as error:
            c.same(section.__name__, f"{type(error).__name__}: {error}", "no exception")
    c.same("every row of the page was compared", c.left, [])
    print(f"{c.count} comparisons, {c.failed} failed")
    return int(c.failed > 0)
