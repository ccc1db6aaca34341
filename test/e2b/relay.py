# SPDX-License-Identifier: Apache-2.0
"""Between a client and the envd of its sandbox: E2B's edge."""

import select
import socket
import socketserver

PIECE = 64 << 10


def read_head(connection):
    """The head of a request, and what has come of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(PIECE)
        if not piece:
            return None, b""
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1").split("\r\n"), rest


def headers_in(lines):
    return {name.strip().lower(): value.strip() for name, _, value in
            (line.partition(":") for line in lines[1:])}


def plain_answer(status, body, headers=None):
    lines = [f"HTTP/1.1 {status} Answer", "Content-Type: application/json", f"Content-Length: {len(body)}",
             "Connection: close", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def pump(client, envd, request_limit, answer_limit):
    """Bytes both ways until one of them ends, or a limit is passed."""
    left = {client: request_limit, envd: answer_limit}
    other = {client: envd, envd: client}
    while True:
        for source in select.select([client, envd], [], [])[0]:
            piece = source.recv(PIECE)
            if left[source] >= 0:
                piece = piece[:left[source]]
                left[source] -= len(piece)
            if not piece:
                return
            other[source].sendall(piece)
            if left[source] == 0:
                return


class RelayHandler(socketserver.BaseRequestHandler):
    """One request a connection: the next may be for another sandbox."""

    def handle(self):
        try:
            self.relay()
        except OSError:
            pass

    def relay(self):
        lines, rest = read_head(self.request)
        if not lines:
            return
        method, path, _ = lines[0].split(" ", 2)
        owner = self.server.owner
        fault = owner.faults.take(method, path)
        owner.log(method, path, fault)
        if fault and fault.hold:
            fault.hold.wait()
        if fault and fault.lose == "request":
            return
        if fault and fault.status:
            self.request.sendall(plain_answer(fault.status, owner.error(fault.status, fault.message),
                                              fault.headers))
            return
        box, sandbox_id = owner.box_of(headers_in(lines))
        if not box:
            self.request.sendall(plain_answer(502, owner.not_found(sandbox_id)))
            return
        kept = [line for line in lines if not line.lower().startswith("connection:")]
        with socket.socket(socket.AF_UNIX) as envd:
            envd.connect(box.socket)
            envd.sendall("\r\n".join([*kept, "Connection: close"]).encode("latin-1") + b"\r\n\r\n" + rest)
            lost = fault and fault.lose == "answer"
            pump(self.request, envd, fault.cut_request if fault else -1,
                 0 if lost else fault.cut_answer if fault else -1)


class Relay(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, owner, port):
        self.owner = owner
        super().__init__(("127.0.0.1", port), RelayHandler)
