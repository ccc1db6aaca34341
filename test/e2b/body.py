# SPDX-License-Identifier: Apache-2.0
"""The body of a request, as it comes."""

import zlib

PIECE = 256 << 10


def pieces(headers, file):
    """Whatever frames it, and however it is encoded."""
    if headers.get("Content-Encoding") != "gzip":
        yield from framed_pieces(headers, file)
        return
    unzip = zlib.decompressobj(wbits=31)
    for piece in framed_pieces(headers, file):
        yield unzip.decompress(piece)


def framed_pieces(headers, file):
    if "chunked" in (headers.get("Transfer-Encoding") or ""):
        while size := int(line_of(file).split(b";")[0], 16):
            yield from sized_pieces(size, file)
            line_of(file)
        line_of(file)
        return
    yield from sized_pieces(int(headers.get("Content-Length") or 0), file)


def sized_pieces(left, file):
    while left > 0:
        piece = file.read1(min(left, PIECE))
        if not piece:
            raise ConnectionResetError
        left -= len(piece)
        yield piece


def line_of(file):
    line = file.readline()
    if not line:
        raise ConnectionResetError
    return line
