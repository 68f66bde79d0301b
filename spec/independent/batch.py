"""Transactions and batches (*Transaction*, *Batch*), calldata (*Contracts*), trees (*Trees and
state*)."""

from collections import namedtuple

from primitives import *
from notes import packed_note

Deposit = namedtuple("Deposit", "depositor asset value inner taken_back")
Withdrawal = namedtuple("Withdrawal", "slot asset recipient amount")
Transaction = namedtuple("Transaction", "nullifiers cm e_y audit note_data")


def records(data, size, what):
    """Cuts a packed string into its records."""
    if len(data) % size:
        raise FormError(f"{what}: {len(data)} bytes are no multiple of {size}")
    return [data[i : i + size] for i in range(0, len(data), size)]


def parse_deposit(d):
    """Contracts, Calldata of a batch: 71 bytes of depositsData."""
    if d[70] > 1:
        raise FormError(f"deposit: flag {d[70]}")
    if not any(d[22:38]):
        raise FormError("deposit: value 0")
    return Deposit(
        d[:20], num(d[20:22]), num(d[22:38]), element(d[38:70], "deposit: inner"), d[70] == 1
    )


def parse_transaction(d):
    """Contracts, Calldata of a batch: 431 bytes of slotsData."""
    if len(d) != 431:
        raise FormError(f"transaction: {len(d)} bytes instead of 431")
    words = [
        element(w, f"transaction: element {k}")
        for k, w in enumerate(records(d[72:360], 32, "words"))
    ]
    return Transaction(
        [num(d[k : k + 24]) for k in (0, 24, 48)], words[:3], words[3], words[4:], d[360:]
    )


def parse_calldata(deposits, slots, withdrawals, header=None):
    """Contracts, Calldata of a batch: the three strings. A header states the counts."""
    txs = [parse_transaction(d) for d in records(slots, 431, "transactions")]
    deposits = [parse_deposit(d) for d in records(deposits, 71, "deposits")]
    if header and (len(deposits), len(txs)) != (header["deposits"], header["transactions"]):
        raise FormError("the header states other numbers of deposits or transactions")
    paid = []
    for d in records(withdrawals, 39, "withdrawals"):
        w = Withdrawal(d[0], num(d[1:3]), d[3:23], num(d[23:]))
        if paid and w.slot <= paid[-1].slot:
            raise FormError(f"withdrawals: slot {w.slot} does not rise")
        if w.slot >= len(txs):
            raise FormError(f"withdrawal of slot {w.slot}, which is not active")
        if w.amount == 0 or not any(w.recipient):
            raise FormError("withdrawal: amount or recipient is 0")
        paid.append(w)
    return deposits, txs, paid


def tx_words(tx):
    """Batch, Data words: words 2 to 16 of a slot, which are words 7 to 21 of a transaction."""
    n = tx.note_data
    return [*tx.nullifiers, *tx.cm, tx.e_y, *tx.audit, num(n[:31]), num(n[31:62]), num(n[62:])]


def data_words(h, slots, deposits, txs, withdrawals):
    """Batch, Data words. The header h has integers, `slots` is the shape's N."""
    if slots not in (4, 16, 64) or max(len(deposits), len(txs)) > slots:
        raise FormError("does not fit the shape")
    info = (
        (h["time"], 40),
        (len(txs), 16),
        (len(deposits), 16),
        (h["feeAsset"], 16),
        (h["feeRecipient"], 160),
    )
    words = [h["context"], h["assetsRoot"], pack(*info)]
    words += [h[k] for k in ("feeTotal", "firstDeposit", "oracle", "batchIndex", "start")]
    for d in deposits + [None] * (slots - len(deposits)):
        words += [0, 0] if d is None or d.taken_back else [packed_note(d.asset, d.value), d.inner]
    paid = {w.slot: [pack((w.asset, 16), (num(w.recipient), 160)), w.amount] for w in withdrawals}
    for s in range(slots):
        words += paid.get(s, [0, 0]) + tx_words(txs[s]) if s < len(txs) else [0] * 17
    if max(words) >= R:
        raise FormError("a data word is not canonical")
    return words


def instances(words):
    """Batch, Instances: c, wordsHash, z, y."""
    c, words_hash = H("DATA", *words), keccak256(b"".join(map(be, words)))
    z, y = num(keccak256(be(c) + words_hash)) % R, 0
    for w in reversed(words):
        y = (y * z + w) % R
    return c, words_hash, z, y


def header_word(kind, fee_asset, fee, expiry, not_before):
    """Transaction, Words: word 3."""
    return pack((kind, 8), (fee_asset, 16), (fee, 96), (expiry, 40), (not_before, 40))


def parse_wire(data, context):
    """Transaction, Wire form: the 22 words of 591 bytes."""
    if len(data) != 591 or data[0] != 3 or data[33] > 4 or data[33] != 2 and any(data[58:96]):
        raise FormError("wire form: length, version, kind, or a withdrawal in another kind than 2")

    def at(offset, size):
        return num(data[offset : offset + size])

    header = header_word(data[33], at(34, 2), at(36, 12), at(48, 5), at(53, 5))
    return [
        context,
        element(data[1:33]),
        element(data[128:160]),
        header,
        pack((at(58, 2), 16), (at(60, 20), 160)),
        at(80, 16),
        element(data[96:128]),
    ] + tx_words(parse_transaction(data[160:]))


def published_batch(h, slots, deposits, rest):
    """Interfaces, `/v1/batches`: a published batch; `rest` is slotsData and withdrawalsData."""
    sizes = dict(
        context=32,
        assetsRoot=32,
        time=5,
        transactions=2,
        deposits=2,
        feeAsset=2,
        feeRecipient=20,
        feeTotal=16,
        firstDeposit=8,
        oracle=32,
        batchIndex=8,
        start=8,
    )
    body = [
        bytes(50) if d.taken_back else be(d.asset, 2) + be(d.value, 16) + be(d.inner)
        for d in deposits
    ]
    return bytes([2, slots]) + b"".join([be(h[k], n) for k, n in sizes.items()] + body) + rest


def tree_root(leaves, depth=16):
    """Trees and state: root of a tree of arity 4 with the given {index: leaf}, empty elsewhere."""
    empty, level = 0, dict(leaves)
    for _ in range(depth):
        level = {
            p: H("NODE", *(level.get(4 * p + k, empty) for k in range(4)))
            for p in {i // 4 for i in level}
        }
        empty = H("NODE", *[empty] * 4)
    return level.get(0, empty)


def history_after(history, index, old_root, new_root, oracle):
    """Trees and state, Anchors: the two leaves that batch `index` writes."""
    return {
        **history,
        2 * index: H("ANCHOR", old_root, oracle),
        2 * index + 1: H("ANCHOR", new_root, oracle),
    }


def nullifier_leaves(members):
    """Trees and state, Nullifier tree: the leaves {index: leaf} of members {nullifier: index}."""
    ordered = sorted(members) + [1 << 192]
    return {members[v]: H("NULLIFIER_LEAF", v, n) for v, n in zip(ordered, ordered[1:])}


def insert_nullifiers(members, start, txs):
    """Trees and state, Nullifier tree: the members after a batch. 0 is a member from genesis on."""
    members = dict(members)
    for s, tx in enumerate(txs):
        for i, nf in enumerate(tx.nullifiers):
            if nf in members:
                raise FormError("a nullifier is 0, or is spent already")
            members[nf] = start + 4 * s + i
    return members


def append_notes(leaves, start, deposits, txs):
    """Trees and state, Appending: the leaves {index: leaf} of the note tree after a batch."""
    leaves = dict(leaves)
    for s, tx in enumerate(txs):
        leaves.update({start + 4 * s + i: cm for i, cm in enumerate(tx.cm)})
    for s, d in enumerate(deposits):
        packed, inner = (0, 0) if d.taken_back else (packed_note(d.asset, d.value), d.inner)
        leaves[start + 4 * s + 3] = H("NOTE", packed, inner)
    return leaves
