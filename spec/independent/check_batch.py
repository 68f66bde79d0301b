"""Genesis, batch.json, calldata that is malformed, and the hashes of L1."""

from batch import *
from comparisons import SEEDS, ints, unhex
from notes import packed_note, payee_opens
from primitives import *


def account(i):
    """The L1 accounts of the examples: 0x1111…11, 0x2222…22 …"""
    return bytes([17 * i]) * 20


def check_genesis(c, b):
    empty, leaf0 = tree_root({}), H("NULLIFIER_LEAF", 0, 1 << 192)
    history = {i: H("ANCHOR", empty, 0) for i in (0, 1)}
    words = [empty, tree_root({0: leaf0}), tree_root(history), 4, 1, 0]
    c.rows(
        "State at genesis",
        ("note root", words[0]),
        ("leaf 0", leaf0),
        ("nullifier root", words[1]),
        ("history root", words[2]),
        ("leaf count", "4, 1, 0"),
        ("state", H("STATE", *words)),
        ("root of an asset tree", tree_root({}, 8)),
    )
    c.same("batch.json: genesisState", H("STATE", *words), ints(b["genesisState"]))


def strings(b):
    """The three packed strings. A file of an older writer lacks the first one."""
    made = b"".join(
        account(1 + i) + be(d["asset"], 2) + be(ints(d["value"]), 16) + unhex(d["inner"]) + b"\0"
        for i, d in enumerate(b["deposits"])
    )
    data = unhex(b["depositsData"]) if "depositsData" in b else made
    return data, unhex(b["transactionData"]), unhex(b["withdrawalData"])


def header_of(b):
    return {name: ints(value) for name, value in b["header"].items()}


def check_batch(c, b):
    header, slots = header_of(b), b["slots"]
    old, new = ints(b["oldStateWords"]), ints(b["newStateWords"])
    context = H("CONTEXT", b["chainId"], ints(b["rollup"]), 2)
    c.same("batch.json: context", context, header["context"])

    data, slots_data, withdrawals_data = strings(b)
    deposits, txs, withdrawals = parse_calldata(data, slots_data, withdrawals_data, header)
    for d, stored in zip(deposits, b["deposits"]):
        packed = packed_note(d.asset, d.value)
        made = [d.asset, d.value, d.inner, packed, H("NOTE", packed, d.inner)]
        fields = [stored[k] for k in ("asset", "value", "inner", "packed", "commitment")]
        c.same("batch.json: a deposit", made, ints(fields))
    for i, t in enumerate(b["transactions"]):
        words = parse_wire(unhex(t["bytes"]), context)
        both = [words, tx_words(txs[i])]
        c.same(f"batch.json: transaction {i}, both forms", both, [ints(t["words"]), words[7:]])
        digest = H("TRANSACTION", *words)
        c.same(f"batch.json: transaction {i}, digest", digest, ints(t["digest"]))
        opened = [payee_opens(txs[i], k.ivk, k.owner) for k in SEEDS]
        c.same(f"batch.json: transaction {i} opens for no seed", opened, [None] * 3)
    fees = sum(low(ints(t["words"][3]) >> 24, 96) for t in b["transactions"])
    c.same("batch.json: fee total (B10)", fees, header["feeTotal"])

    words = data_words(header, slots, deposits, txs, withdrawals)
    c.same("batch.json: data words", words, ints(b["words"]))
    commitment, _, z, y = instances(words)
    for label, value, name in (
        ("data commitment c", commitment, "c"),
        ("z", z, "z"),
        ("y", y, "y"),
        ("old state", H("STATE", *old), "oldState"),
        ("new state", H("STATE", *new), "newState"),
    ):
        c.row("A batch", label, value)
        c.same(f"batch.json: {name}", value, ints(b[name]))
    published = published_batch(header, slots, deposits, slots_data + withdrawals_data)
    c.same("batch.json: publishedBatch", published, unhex(b["publishedBatch"]))
    taken = [d._replace(taken_back=True) for d in deposits]
    words = data_words(header, slots, taken, txs, withdrawals)
    c.same("a deposit taken back has the words 0, 0", words[8:14], [0] * 6)

    start = -(-old[3] // (4 * slots)) * 4 * slots
    cursors = [header[k] for k in ("start", "batchIndex", "firstDeposit")]
    c.same("batch.json: cursors of the header", cursors, [start, *old[4:]])
    counters = [start + 4 * slots, old[4] + 1, old[5] + len(deposits)]
    c.same("batch.json: new counters (B9, B11, B12)", counters, new[3:])
    roots = check_trees(c, b, header, start, deposits, txs)
    c.rows("A batch", *zip(("new note root", "new nullifier root", "new history root"), roots))
    c.row("A batch", "new leaf count", ", ".join(map(str, counters)))


def check_trees(c, b, header, start, deposits, txs):
    """Follows the three trees through the batch. Returns the roots after it."""
    old, new = ints(b["oldStateWords"]), ints(b["newStateWords"])
    if "before" in b:
        before = b["before"]
        notes = {n["index"]: ints(n["leaf"]) for n in before["noteLeaves"]}
        members = {ints(m["value"]): m["index"] for m in before["nullifiers"]}
        history = dict(enumerate(ints(before["historyLeaves"])))
        c.same("batch.json: before, note root", tree_root(notes), old[0])
        c.same("batch.json: before, nullifiers", tree_root(nullifier_leaves(members)), old[1])
        notes = append_notes(notes, start, deposits, txs)
        members = insert_nullifiers(members, start, txs)
        roots = [tree_root(notes), tree_root(nullifier_leaves(members))]
        repeated = [txs[0], txs[0]]
        c.refused("a batch that repeats a nullifier", insert_nullifiers, members, 0, repeated)
    else:
        # Only the history of an older file can be computed: its first batch named no snapshot.
        empty = tree_root({})
        history = {i: H("ANCHOR", empty, 0) for i in (0, 1)}
        history = history_after(history, 1, empty, old[0], 0)
        roots = new[:2]
    c.same("batch.json: before, history root", tree_root(history), old[2])
    history = history_after(history, header["batchIndex"], old[0], new[0], header["oracle"])
    roots.append(tree_root(history))
    c.same("batch.json: roots after the batch", roots, new[:3])
    known = {history[i] for i in range(2 * header["batchIndex"] + 1)}
    anchors = {ints(t["words"][1]) for t in b["transactions"]}
    c.same("batch.json: anchors are known (B4)", anchors - known, set())
    return roots


def check_forms(c, b):
    """Strings that a reader of L1 refuses (*Contracts*, Errors of form)."""
    header = header_of(b)
    data, slots, paid = strings(b)
    for name, *args in (
        ("slots cut by a byte", data, slots[:-1], paid),
        ("slots cut by a transaction", data, slots[:431], b""),
        ("one byte more", data, slots + b"\0", paid),
        ("deposits cut by a byte", data[:-1], slots, paid),
        ("deposits cut by a deposit", data[71:], slots, paid),
        ("withdrawals cut", data, slots, paid[:-1]),
        ("flag 2", data[:-1] + b"\2", slots, paid),
        ("inner of r", data[:38] + be(R) + data[70:], slots, paid),
        ("inner of r, flag 1", data[:38] + be(R) + b"\1" + data[71:], slots, paid),
        ("deposit value 0", data[:22] + bytes(16) + data[38:], slots, paid),
        ("withdrawal twice", data, slots, paid * 2),
        ("withdrawals not rising", data, slots, paid + b"\0" + paid[1:]),
        ("inactive slot", data, slots, b"\2" + paid[1:]),
        ("amount 0", data, slots, paid[:23] + bytes(16)),
        ("recipient 0", data, slots, paid[:3] + bytes(20) + paid[23:]),
    ):
        c.refused(f"calldata, {name}", parse_calldata, *args, header)
    for at in range(431 + 72, 431 + 360, 32):
        wrong = slots[:at] + be(R) + slots[at + 32 :]
        c.refused("calldata, an element of r", parse_calldata, data, wrong, paid, header)
    largest = parse_transaction(slots[:72] + be(R - 1) + slots[104:431])
    c.same("calldata: r - 1 is an element", largest.cm[0], R - 1)
    c.same("calldata: three empty strings", parse_calldata(b"", b"", b""), ([], [], []))
    _, txs, _ = parse_calldata(data, slots, paid, header)
    zero = txs[0]._replace(nullifiers=[0, 1, 2])
    c.refused("nullifier 0", insert_nullifiers, {0: 0}, 16, [zero])
    equal = txs[0]._replace(nullifiers=[1, 2, 1])
    c.refused("nullifier repeated", insert_nullifiers, {0: 0}, 16, [equal])


def check_l1(c, b):
    """*Contracts*, Hashes: data chain, deposit queue, held withdrawals."""
    header = header_of(b)
    deposits, txs, withdrawals = parse_calldata(*strings(b), header)
    words_hash = instances(data_words(header, b["slots"], deposits, txs, withdrawals))[1]
    chain = keccak256(bytes(32) + words_hash + unhex(b["newState"]))

    link, links = bytes(32), []
    for i, (asset, value, inner) in enumerate(((2, 1000, 3), (3, 1, 4))):
        depositor = bytes(12) + account(i + 1)
        link = keccak256(link + be(i) + depositor + be(packed_note(asset, value)) + be(inner))
        links.append(link)

    leaves = [
        keccak256(be(i, 1) + be(2, 2) + account(i + 1) + be(100 * i + 100, 16)) for i in range(3)
    ]
    leaves.append(bytes(32))
    top = keccak256(keccak256(leaves[0] + leaves[1]) + keccak256(leaves[2] + leaves[3]))
    hashes = words_hash, chain, *links, top, keccak256(top + be(5))
    labels = "wordsHash", "data chain", "link 0", "link 1", "top", "root"
    c.rows("Hashes of L1", *zip(labels, map(num, hashes)))
