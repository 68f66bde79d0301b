"""Elements, points and hashes (*Notation and hashing*), and Keccak-256 (*Contracts*, Hashes)."""

import hashlib
from itertools import count, islice

# Modulus r of the field, order of the prime subgroup, its generator, and d of the curve.
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
L = 2736030358979909402780800718157159386076813972158567259200215660948447373041
GENERATOR = (
    19698561148652590122159747500897617769866003486955115824547446575314762165298,
    19298250018296453272277890825869354524455968081175474282777126169995084727839,
)
D = 168696 * pow(168700, -1, R) % R


class FormError(ValueError):
    """An input that a decoder of the book must refuse."""


def be(n, size=32):
    return n.to_bytes(size, "big")


def num(data):
    return int.from_bytes(data, "big")


def low(n, bits):
    return n & (1 << bits) - 1


def xor(a, b):
    return be(num(a) ^ num(b), len(a))


def pack(*parts):
    """Notation and hashing: (value, width) pairs into one element, low fields first."""
    out = shift = 0
    for value, width in parts:
        if not 0 <= value < 1 << width:
            raise FormError(f"{value} does not fit {width} bits")
        out, shift = out | value << shift, shift + width
    return out


def element(data, what="element", modulus=R):
    """Notation and hashing: 32 bytes big-endian; an encoding >= the modulus is refused."""
    if len(data) != 32 or num(data) >= modulus:
        raise FormError(f"{what}: not canonical, or not of 32 bytes")
    return num(data)


def sqrt(a):
    """A square root modulo r, or None (Tonelli-Shanks; r - 1 = 2^28 * odd, 5 is no square)."""
    if a == 0 or pow(a, (R - 1) // 2, R) != 1:
        return None if a else 0
    m, odd = 28, (R - 1) >> 28
    c, t, x = pow(5, odd, R), pow(a, odd, R), pow(a, (odd + 1) // 2, R)
    while t != 1:
        i = next(i for i in range(m) if pow(t, 1 << i, R) == 1)
        b = pow(c, 1 << (m - i - 1), R)
        m, c, t, x = i, b * b % R, t * b * b % R, x * b % R
    return x


def x_of(y):
    """The even x with x^2 + y^2 = 1 + d x^2 y^2, or None. d is no square: nothing divides by 0."""
    x = sqrt((1 - y * y) * pow(1 - D * y * y, -1, R) % R)
    return x if x is None or x % 2 == 0 else R - x


def add(p, q):
    """Complete addition of points (X, Y, T, Z) in extended coordinates."""
    (x1, y1, t1, z1), (x2, y2, t2, z2) = p, q
    a, b, c, d = x1 * x2 % R, y1 * y2 % R, t1 * t2 % R * D % R, z1 * z2 % R
    e, f, g, h = (x1 + y1) * (x2 + y2) - a - b, d - c, d + c, b - a
    return e * f % R, g * h % R, e * h % R, f * g % R


def mul(k, point):
    """k times an affine point, affine."""
    acc, base = (0, 1, 0, 1), (*point, point[0] * point[1] % R, 1)
    for bit in bin(k)[2:]:
        acc = add(acc, acc)
        acc = add(acc, base) if bit == "1" else acc
    inv = pow(acc[3], -1, R)
    return acc[0] * inv % R, acc[1] * inv % R


def encode_point(p):
    return be(p[1] | (p[0] & 1) << 255)  # bit 255 is set iff x is odd


def point_of_y(y):
    """A point of the prime subgroup with this y, not the identity; its sign is of no matter."""
    x = x_of(y)
    if x is None:
        raise FormError("no point has this y")
    if y == 1 or mul(L, (x, y)) != (0, 1):
        raise FormError("the identity, or a point outside the prime subgroup")
    return x, y


def decode_point(data):
    """The decoder of points. A point with x = 0 is outside the subgroup, or the identity."""
    x, y = point_of_y(element(be(low(num(data), 255), len(data)), "y"))
    return (R - x if data[0] >> 7 else x), y


def keccak256(data):
    """Contracts, Hashes: Keccak-256 with the padding 0x01, as on the EVM."""
    rol = lambda v, n: low(v << n | v >> (64 - n), 64)
    s, data = [[0] * 5 for _ in range(5)], bytearray(data + b"\1" + bytes(135 - len(data) % 136))
    data[-1] |= 0x80
    for block in range(0, len(data), 136):
        for i in range(17):
            s[i % 5][i // 5] ^= int.from_bytes(data[block + 8 * i : block + 8 * i + 8], "little")
        lfsr = 1
        for _ in range(24):
            c = [a[0] ^ a[1] ^ a[2] ^ a[3] ^ a[4] for a in s]
            s = [[lane ^ c[x - 1] ^ rol(c[(x + 1) % 5], 1) for lane in s[x]] for x in range(5)]
            x, y, lane = 1, 0, s[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                lane, s[x][y] = s[x][y], rol(lane, (t + 1) * (t + 2) // 2 % 64)
            s = [
                [s[x][y] ^ ~s[(x + 1) % 5][y] & s[(x + 2) % 5][y] for y in range(5)]
                for x in range(5)
            ]
            for j in range(7):
                lfsr = (lfsr << 1) ^ (lfsr >> 7) * 0x171
                s[0][0] ^= (lfsr >> 1 & 1) << ((1 << j) - 1)
    return b"".join(s[i][0].to_bytes(8, "little") for i in range(4))


def poseidon_parameters(t=5, full=8, partial=60):
    """Notation and hashing, Poseidon: round constants and MDS matrix from the Grain LFSR."""
    seed = ((1, 2), (0, 4), (254, 12), (t, 12), (full, 10), (partial, 10), (2**30 - 1, 30))
    lfsr = [int(bit) for v, width in seed for bit in f"{v:0{width}b}"]

    def bits():
        while True:
            lfsr.append(lfsr[-18] ^ lfsr[-29] ^ lfsr[-42] ^ lfsr[-57] ^ lfsr[-67] ^ lfsr[-80])
            yield lfsr[-1]

    # Of each pair of bits the second one counts if the first is 1.
    pairs = zip(*[islice(bits(), 160, None)] * 2)
    kept = (second for first, second in pairs if first)
    numbers = (int("".join(map(str, islice(kept, 254))), 2) for _ in count())
    # Constants pass over numbers from r up; the matrix reduces them.
    constants = list(islice((n for n in numbers if n < R), t * (full + partial)))
    xy = list(islice(numbers, 2 * t))
    return constants, [[pow(xy[i] + xy[t + j], -1, R) for j in range(t)] for i in range(t)]


CONSTANTS, MDS = poseidon_parameters()


def permute(state):
    """Notation and hashing, Poseidon: 4 full, 60 partial, 4 full rounds."""
    for n in range(68):
        state = [s + k for s, k in zip(state, CONSTANTS[5 * n : 5 * n + 5])]
        boxed = 1 if 4 <= n < 64 else 5
        a, b, c, d, e = [pow(s, 5, R) for s in state[:boxed]] + state[boxed:]
        state = [(m[0] * a + m[1] * b + m[2] * c + m[3] * d + m[4] * e) % R for m in MDS]
    return state


TAGS = dict(
    # *Aggregation* uses 15 to 18, which no reader of L1 needs.
    NODE=1, OWNER=2, NOTE_INNER=3, NOTE=4, NULLIFIER=5, NULLIFIER_DUMMY=6, ASSET_LEAF=7,
    NULLIFIER_LEAF=8, TRANSACTION=9, SIGNATURE=10, AUDIT=11, CONTEXT=12, STATE=13, DATA=14,
    CLIENT_PROOF=15, TRANSCRIPT=16, CHALLENGE=17, WEIGHTS=18, TERMS=19, DELIVERY=20, LOAN=21,
    POSITION=22, STEP=23, OPENING=24, SNAPSHOT=25, ANCHOR=26,
)  # fmt: skip


def H(tag, *message, outputs=1):
    """Notation and hashing, Poseidon: H(tag; m), or a list of its first outputs."""
    state = [TAGS[tag] + (len(message) << 64), 0, 0, 0, 0]
    for i in range(0, len(message), 4):
        for j, m in enumerate(message[i : i + 4]):
            state[j + 1] += m
        state = permute(state)
    return state[1] if outputs == 1 else state[1 : 1 + outputs]


def B(label, *message):
    """Notation and hashing: unkeyed BLAKE2b-512 of "subrosa/v1/", label, zero byte, message."""
    return hashlib.blake2b(b"subrosa/v1/" + label.encode() + b"\0" + b"".join(message)).digest()


def B_r(label, *message):
    return num(B(label, *message)) % R


def B_l(label, *message):
    """A result in F_l, which must not be 0."""
    result = num(B(label, *message)) % L
    if result == 0:
        raise ArithmeticError(f"B({label}) is 0")
    return result
