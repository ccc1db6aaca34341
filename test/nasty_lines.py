# SPDX-License-Identifier: Apache-2.0
"""The lines of nasty_lines.cc in Python; keep the two alike (test_kit.py compares them)."""

MASK = (1 << 64) - 1
KINDS = 20


class NastyLines:
    def __init__(self, seed, max_bytes):
        self._state = seed & MASK
        self._max_bytes = max_bytes
        self._number = 0

    def _random(self):
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def _long_size(self):
        magnitude = self._random() % 17 + 1
        return self._random() % (1 << magnitude) % (self._max_bytes + 1)

    def _random_bytes(self):
        count = self._random() % 64 + 1
        data = bytes(self._random() & 0xFF for _ in range(count))
        return data.replace(b"\n", b"\xff")

    def next(self):
        """The next line as bytes, without its line break."""
        self._number += 1
        n = str(self._number).encode()
        kind = self._random() % KINDS
        if kind == 0:
            return b""
        if kind == 1:
            return b'{"type":"long","n":' + n + b',"pad":"' + b"x" * self._long_size() + b'"}'
        if kind == 2:
            pad = "é\u2028".encode() * (self._long_size() // 5)
            return b'{"type":"wide","n":' + n + b',"pad":"' + pad + b'"}'
        if kind == 3:
            return self._random_bytes()
        if kind == 4:
            return b"line " + n + b" is no JSON {"
        if kind == 5:
            return b'{"type":"number","n":' + b"9" * (self._random() % 400 + 1) + b"}"
        if kind == 6:
            return b'{"type":"surrogate","n":' + n + rb',"text":"\ud800 \udfff"}'
        if kind == 7:
            return b"{}"
        if kind == 8:
            return b'{"type":"cr","n":' + n + b"}\r"
        if kind == 9:
            return b"[" + n + b",null]"
        if kind == 10:
            return b'{"type":"a","type":"b","n":' + n + b',"n":1e999}'
        if kind == 11:
            return b"\x1b[31mred\x1b[0m\x07 " + n + b"\x1b]0;title\x07"
        if kind == 12:
            return b'{"type":"deep","v":' + b"[" * 200 + b"]" * 200 + b"}"
        if kind == 13:
            return b'{"type":"' + b"t" * (self._random() % 100) + b'","n":' + n + b"}"
        if kind == 14:
            return b"  \t " + n
        if kind == 15:
            return b"nul \0 byte " + n
        if kind == 16:
            return b' { "type" : "spaced" , "n" : ' + n + b" } "
        if kind == 17:
            return b'{"type":' + n + rb',"text":"\u0000\u2028' + b'\xef\xbb\xbf"}'
        if kind == 18:
            return b"plain " + b"y" * self._long_size()
        return b'{"type":"event","n":' + n + rb',"text":"a\nb\t\"c\" \/ ' + b'\x7f"}'


def nasty_lines(seed, count, max_bytes=100_000):
    """The lines that the step {"nasty": {seed, count, max}} of fake_agent writes."""
    source = NastyLines(seed, max_bytes)
    return [source.next() for _ in range(count)]


def raw_of(lines):
    """What `vm0 logs --raw` must give for these lines: all but the empty ones."""
    return b"".join(line + b"\n" for line in lines if line)
