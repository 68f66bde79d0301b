"""What all comparisons share: a counter of them, and the rows of the page *Test vectors*."""

from notes import keys_of
from primitives import FormError, be

# The seeds of keys.json, in its order.
SEEDS = [keys_of(bytes([b]) * 32) for b in (0, 1, 255)]


def unhex(text):
    return bytes.fromhex(text[2:] if text.startswith("0x") else text)


def ints(value):
    """Hex strings, lists of them, and numbers, as integers."""
    if isinstance(value, list):
        return [ints(v) for v in value]
    return int(value, 16) if isinstance(value, str) else value


def table(text):
    """Yields (heading, first cell, second cell …) for each row of a page's tables."""
    heading = None
    for line in text.splitlines():
        heading = line.lstrip("# ") if line.startswith("## ") else heading
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and set("".join(cells)) - {"-"}:
            yield heading, *cells


class Checker:
    """Prints a line for each comparison, and keeps the rows of the page not compared yet."""

    def __init__(self, page):
        self.failed, self.count = 0, 0
        self.left = [r for r in table(page) if len(r) == 3 and r[2] not in ("value", "")]

    def same(self, name, got, want):
        self.count, self.failed = self.count + 1, self.failed + (got != want)
        print(f"ok    {name}" if got == want else f"FAIL  {name}: got {got!r}, expected {want!r}")

    def row(self, heading, label, got, width=32):
        """Compares with the next row whose label begins so. Integers have `width` bytes."""
        missing = heading, label, "a row of the page"
        fits = (r for r in self.left if r[0] == heading and r[1].startswith(label))
        found = next(fits, missing)
        self.left = [r for r in self.left if r is not found]
        if isinstance(got, int):
            got = "0x" + be(got, width).hex()
        elif isinstance(got, bytes):
            got = got.hex()
        self.same(f"{heading}: {found[1]}", got, found[2])

    def rows(self, heading, *pairs):
        for label, got in pairs:
            self.row(heading, label, got)

    def refused(self, name, call, *args):
        try:
            self.same(f"refused: {name}", call(*args), FormError)
        except FormError as error:
            self.same(f"refused: {name} ({error})", 0, 0)
