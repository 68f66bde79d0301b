"""Numbers and tags of the page *Notation and hashing*, poseidon.json and keys.json."""

import re

from comparisons import ints, table, unhex
from notes import *
from primitives import *


def check_numbers(c, page):
    stated = re.sub(r"(?<=\d)\s+(?=\d)", "", page)
    x, y = GENERATOR
    for name, number in {"r": R, "ℓ": L, "x of G": x, "y of G": y, "d": D}.items():
        c.same(f"hashing.md: {name}", f"`{number}`" in stated, True)
    tags = {row[1]: int(row[2]) for row in table(page) if len(row) == 4 and row[2].isdigit()}
    c.same("hashing.md: tags", tags, TAGS)
    on_curve = (x * x + y * y - 1 - D * x * x * y * y) % R
    prime = pow(2, L - 1, L)
    c.same("G is on the curve, l*G = 0, l is prime (Fermat)", [on_curve, prime], [0, 1])
    c.same("l*G is the identity", mul(L, GENERATOR), (0, 1))


def check_hashes(c, poseidon):
    c.same("poseidon.json: round constants", CONSTANTS, ints(poseidon["round_constants"]))
    c.same("poseidon.json: MDS matrix", MDS, ints(poseidon["mds"]))
    for i, p in enumerate(poseidon["permutations"]):
        c.same(f"poseidon.json: permutation {i}", permute(ints(p["input"])), ints(p["output"]))

    c.row("Hashing", "H(NODE; 0, 0, 0, 0)", H("NODE", 0, 0, 0, 0))
    for tag, count, outputs in (
        ("NODE", 4, 1),
        ("STATE", 6, 1),
        ("DELIVERY", 3, 2),
        ("ASSET_LEAF", 3, 1),
        ("TERMS", 8, 1),
        ("LOAN", 4, 2),
        ("POSITION", 3, 1),
        ("STEP", 2, 3),
        ("OPENING", 4, 2),
        ("SNAPSHOT", 18, 1),
    ):
        message = range(1, count + 1)
        label = f"H({tag}; {', '.join(map(str, message))})"
        if outputs == 1:
            c.row("Hashing", label, H(tag, *message))
        else:
            results = H(tag, *message, outputs=outputs)
            for name, result in zip(("first", "second", "third"), results):
                c.row("Hashing", f"{label}, {name}", result)
    c.row("Hashing", "H(CONTEXT", H("CONTEXT", 31337, num(b"\x5b" * 20), 2))
    c.row("Notes", "cm of the cash note", commitment(2, 1000, 1, 2))


def chacha20(key, size):
    """The first bytes of ChaCha20's stream with counter and nonce 0; at most 64."""

    def quarter(s, a, b, c, d):
        for p, q, r, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[p] = low(s[p] + s[q], 32)
            v = s[r] ^ s[p]
            s[r] = low(v << n, 32) | v >> (32 - n)

    block = b"expand 32-byte k" + key + bytes(16)
    start = [int.from_bytes(block[i : i + 4], "little") for i in range(0, 64, 4)]
    state = list(start)
    for _ in range(10):
        for i in range(4):
            quarter(state, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    words = (low(a + b, 32).to_bytes(4, "little") for a, b in zip(state, start))
    return b"".join(words)[:size]


def check_keys(c, seeds, no_auditor):
    for n, stored in enumerate(seeds):
        seed = unhex(stored["seed"])
        k = keys_of(seed)
        values = dict(
            ask=be(k.ask),
            ak=encode_point(k.ak),
            nk=be(k.nk),
            ivk=be(k.ivk),
            ovk=k.ovk,
            owner=be(k.owner),
            pk=encode_point(k.pk),
            auditor=encode_point(mul(B_l("auditor", seed), GENERATOR)),
            deposit_rcm_7=be(B_r("deposit", k.ovk, be(7, 8))),
        )
        values = {name: value.hex() for name, value in values.items()}
        values["address"] = encode_address(k.owner, k.pk, "sub")
        values["address_development"] = encode_address(k.owner, k.pk, "subdev")
        digest = ints(stored["digest"])
        signature = sign(k.ask, k.ak, digest, chacha20(b"\7" * 32, 32))
        values["signature_with_nonce_bytes_of_chacha20_seed_07"] = signature.hex()
        for name, value in values.items():
            c.same(f"keys.json: seed {n}, {name}", value, stored[name])
        points = [decode_point(unhex(stored[p])) for p in ("ak", "pk")]
        c.same(f"keys.json: seed {n}, ak and pk decoded", points, [k.ak, k.pk])
        valid = [signature_valid(signature, k.ak, d) for d in (digest, digest + 1)]
        c.same(f"keys.json: seed {n}, signature, and of another digest", valid, [True, False])
        if n == 0:
            for label in ("ask", "ak", "nk", "ivk", "ovk", "owner", "pk"):
                c.row("Keys", label, values[label])
            c.row("Keys", "development address", values["address_development"])
            c.row("Keys", "the point N", encode_point(unaudited()))
    c.same("keys.json: N", encode_point(unaudited()).hex(), no_auditor)

    no_x = next(y for y in range(2, 99) if x_of(y) is None)
    for name, encoded in {
        "y >= r": R,
        "the identity": 1,
        "x = 0 with the bit": 1 | 1 << 255,
        "of order 2": R - 1,
        "no x": no_x,
    }.items():
        c.refused(f"point: {name}", decode_point, be(encoded))
