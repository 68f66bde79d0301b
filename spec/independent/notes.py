"""Keys, addresses and signatures (*Keys and addresses*); notes and their encryption (*Notes*)."""

from collections import namedtuple
from itertools import count

from primitives import *

Keys = namedtuple("Keys", "ask ak nk ivk ovk owner pk")
Opened = namedtuple("Opened", "asset value owner rcm memo")
AuditRecord = namedtuple("AuditRecord", "cls asset value sender owner")


def keys_of(seed):
    """Keys and addresses: all keys of an institution."""
    ask, nk = B_l("ask", seed), B_r("nk", seed)
    ak = mul(ask, GENERATOR)
    full = encode_point(ak), be(nk)
    ivk = B_l("ivk", *full)
    return Keys(ask, ak, nk, ivk, B("ovk", *full)[:32], H("OWNER", *ak, nk), mul(ivk, GENERATOR))


def sender_bits(owner):
    """Keys and addresses: the lowest 101 bits."""
    return low(owner, 101)


def unaudited():
    """Notes, Auditor ciphertext: the point N."""
    points = ((x_of(y), y) for y in (B_r("unaudited", be(ctr, 4)) for ctr in count()))
    return next(n for n in (mul(8, p) for p in points if p[0] is not None) if n != (0, 1))


def signature_valid(signature, ak, digest):
    """Keys and addresses, Signature: 64 bytes, R then s, with s*G = R + e*ak."""
    r, s = decode_point(signature[:32]), element(signature[32:], "s", L)
    ea, (x, y) = mul(H("SIGNATURE", *r, *ak, digest) % L, ak), mul(s, GENERATOR)
    total = add((*r, r[0] * r[1] % R, 1), (*ea, ea[0] * ea[1] % R, 1))
    return (x * total[3] - total[0]) % R == 0 == (y * total[3] - total[1]) % R


def sign(ask, ak, digest, random):
    """Keys and addresses, Signature: the 64 bytes that follow from 32 random ones."""
    k = B_l("nonce", be(ask), be(digest), random)
    r = mul(k, GENERATOR)
    return encode_point(r) + be((k + H("SIGNATURE", *r, *ak, digest) * ask) % L)


def encode_address(owner, pk, hrp):
    """Keys and addresses: owner, pk as bech32m (BIP 350)."""

    def checksum(values):
        c = 1
        for v in [ord(h) >> 5 for h in hrp] + [0] + [ord(h) & 31 for h in hrp] + values:
            top, c = c >> 25, low(c, 25) << 5 ^ v
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                c ^= g * (top >> i & 1)
        return c ^ 0x2BC830A3

    def digits(n, length):
        return [n >> 5 * i & 31 for i in reversed(range(length))]

    # 512 bits and three zero bits.
    values = digits(num(be(owner) + encode_point(pk)) << 3, 103)
    values += digits(checksum(values + [0] * 6), 6)
    return hrp + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[v] for v in values)


def packed_note(asset, value, cls=0):
    """Notes: packed."""
    return pack((cls, 8), (asset, 16), (value, 128))


def commitment(asset, value, owner, rcm):
    """Notes: cm of cash, in its two levels."""
    return H("NOTE", packed_note(asset, value), H("NOTE_INNER", owner, 0, rcm))


def nullifier(nk, cm, index, dummy=False):
    """Notes: the whole hash, and its lowest 192 bits, the nullifier."""
    whole = H("NULLIFIER_DUMMY" if dummy else "NULLIFIER", nk, cm, index)
    return whole, low(whole, 192)


def ephemeral_secret(ovk, nullifiers):
    """Notes, Ephemeral key: esk."""
    return B_l("esk", ovk, *(be(n, 24) for n in nullifiers))


def payload_key(ovk, e_y, owner, asset, value):
    """Notes, Payload of output 0, step 1: K."""
    return B("payload-key", ovk, be(e_y), be(owner), be(asset, 2), be(value, 16))[:16]


def wrap_of(s_y, e_y, cm0):
    """Notes, Payload of output 0, step 4: mask and view tag."""
    data = B("wrap", be(s_y), be(e_y), be(cm0))
    return data[:16], data[16:18]


def payload_pad(key, e_y, cm0):
    """Notes, Payload of output 0, step 6: what ct is XORed with."""
    return B("payload", key, be(e_y), be(cm0))[:53]


def change_rcm(ovk, e_y, i):
    """Notes, Change: the blinding of output 1 or 2."""
    return B_r("change", ovk, be(e_y), be(i, 1))


def payload_blindings(key, e_y, asset, value, memo):
    """Notes, Payload of output 0, step 2; then, for the memo of a leg, Swaps, Recovery."""
    yield B_r("blinding", key, be(e_y), memo)
    # 0xFF side A, 0xFE side B; 0xFD and 0xFC if the other leg delivers a position.
    if memo[0] >= 0xFC:
        own, is_a = packed_note(asset, value), memo[0] & 1
        other = packed_note(num(memo[17:19]), num(memo[19:35]), int(memo[0] < 0xFE))
        legs = (own, other) if is_a else (other, own)
        yield H("DELIVERY", num(memo[1:17]), *legs, outputs=2)[1 - is_a]


def open_payload(key, tx, owner):
    """Notes, Payload of output 0: opens ct with K. None if the commitment is to something else."""
    plain = xor(tx.note_data[18:], payload_pad(key, tx.e_y, tx.cm[0]))
    asset, value, memo = num(plain[:2]), num(plain[2:18]), plain[18:]
    for rcm in payload_blindings(key, tx.e_y, asset, value, memo):
        if commitment(asset, value, owner, rcm) == tx.cm[0]:
            return Opened(asset, value, owner, rcm, memo)
    return None


def payee_opens(tx, ivk, owner):
    """Notes, The payee: what output 0 pays to these keys, or None.

    The subgroup is checked first here, which gives the same result."""
    try:
        s_y = mul(ivk, point_of_y(tx.e_y))[1]
    except FormError:
        return None
    mask, tag = wrap_of(s_y, tx.e_y, tx.cm[0])
    if tag != tx.note_data[:2]:
        return None
    return open_payload(xor(tx.note_data[2:18], mask), tx, owner)


def open_record(t_y, tx, i):
    """Notes, Auditor ciphertext: the record of output i, or None if check 1 fails."""
    p = H("AUDIT", t_y, tx.cm[i], outputs=2)
    plain = (tx.audit[2 * i] - p[0]) % R
    if plain >= 1 << 253 or low(plain, 8) > 1:
        return None
    owner = (tx.audit[2 * i + 1] - p[1]) % R if i < 2 else None
    return AuditRecord(
        low(plain, 8), low(plain >> 8, 16), low(plain >> 24, 128), plain >> 152, owner
    )


def auditor_opens(tx, secret, asset, supply):
    """Notes, Auditor ciphertext: the records of the three outputs, None where a check fails."""
    try:
        t_y = 1 if tx.e_y == 1 else mul(secret, point_of_y(tx.e_y))[1]
    except FormError:
        return [None] * 3
    found = [open_record(t_y, tx, i) for i in range(3)]
    return [r if r and r.asset == asset and r.value <= supply else None for r in found]


def sender_opens(tx, keys, auditors):
    """Notes, The sender, and Change: the three outputs, or None if the transaction is another's.

    `auditors` are the points of all present and past keys. FormError: no key opens some output,
    and a wallet must not apply the batch. Positions and repayments (Collateral) are not read."""
    esk = ephemeral_secret(keys.ovk, tx.nullifiers)
    if mul(esk, GENERATOR)[1] != tx.e_y:
        return None
    shared = [mul(esk, point)[1] for point in auditors]

    def record(i):
        """The record under the first key that gives the sender's own bits."""
        for t_y in shared:
            found = open_record(t_y, tx, i)
            if found and found.sender == sender_bits(keys.owner):
                return found
        raise FormError(f"output {i} of an own transaction opens under no known key")

    def note(i):
        """The note of cash that the record states, if its commitment is the published one."""
        cls, asset, value, _, owner = record(i)
        if i == 0 and cls != 0:
            found = None
        elif i == 0:
            key = payload_key(keys.ovk, tx.e_y, owner, asset, value)
            found = open_payload(key, tx, owner)
        else:
            rcm = change_rcm(keys.ovk, tx.e_y, i)
            found = Opened(asset, value, keys.owner, rcm, None)
            found = found if commitment(*found[:4]) == tx.cm[i] else None
        return found

    return [note(i) for i in range(3)]
