# SPDX-License-Identifier: Apache-2.0
"""What may stand between a client and the server, and breaks streams in its own way: a proxy for one
request a connection. How it treats a request is decided by its `way`, a function of this module."""

import contextlib
import re
import socket
import threading

import waits


class Middlebox:
    """Listens on a port of its own, passes on to a server's TCP port. `way(exchange)` serves one
    request; `streams` counts those for a stream."""

    def __init__(self, server_url, way):
        host, port = server_url.removeprefix("http://").split(":")
        self._server = (host, int(port))
        self.way = way
        self.streams = 0
        self._open = []
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # shutdown wakes the thread that waits in accept
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def wait_streams(self, count):
        with self._changed:
            if not self._changed.wait_for(lambda: self.streams >= count, waits.HANG_SECONDS):
                raise waits.Hang(f"{self.streams} of {count} streams were asked for")

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            head, body = read_message(client)
            if not head:
                return
            with socket.create_connection(self._server) as server:
                exchange = Exchange(client, server, head, body)
                with self._changed:
                    self._open += [client, server]
                    self.streams += exchange.is_stream
                    self._changed.notify_all()
                self.way(exchange)
                # Closing alone does not end what the other thread reads.
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)


class Exchange:
    """One request, and both ends."""

    def __init__(self, client, server, head, body):
        self.client = client
        self.server = server
        self.head = head
        self.body = body
        self.is_stream = b"text/event-stream" in head or b"\r\nUpgrade:" in head

    def ask(self, version=b"HTTP/1.1"):
        """Passes the request on, as the last one of its connection."""
        head = self.head
        if b"\r\nUpgrade:" not in head:
            head = re.sub(rb"\r\nConnection:[^\r]*", b"", head)
            head = head[:-2] + b"Connection: close\r\n\r\n"
        self.server.sendall(re.sub(rb"HTTP/1\.1\r\n", version + b"\r\n", head, count=1) + self.body)

    def relay(self, limit=None, change=lambda data: data):
        """Passes the answer on as it comes, or so many bytes of it."""
        threading.Thread(target=self._relay_back, daemon=True).start()
        while data := self.server.recv(65536):
            data = change(data)
            self.client.sendall(data[:limit])
            if limit is not None:
                limit -= len(data)
                if limit <= 0:
                    return

    def _relay_back(self):
        with contextlib.suppress(OSError):
            while data := self.client.recv(65536):
                self.server.sendall(data)
            self.server.shutdown(socket.SHUT_RDWR)

    def receive_all(self):
        answer = b""
        while data := self.server.recv(65536):
            answer += data
        return answer


def read_message(connection):
    """The head of a request and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b"", b""
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    found = re.search(rb"\r\nContent-Length: *(\d+)", head, re.IGNORECASE)
    while found and len(body) < int(found.group(1)):
        body += connection.recv(65536)
    return head + b"\r\n\r\n", body


# Ways.


def passes(exchange):
    exchange.ask()
    exchange.relay()


def buffers(exchange):
    """Gives an answer when it has all of it: of a stream, never."""
    exchange.ask()
    exchange.client.sendall(exchange.receive_all())


def speaks_http_1_0(exchange):
    """An old proxy that passes on what comes, until the connection ends."""
    exchange.ask(b"HTTP/1.0")
    exchange.relay(change=lambda data: data.replace(b"HTTP/1.1 200", b"HTTP/1.0 200"))


def speaks_http_1_0_and_buffers(exchange):
    exchange.ask(b"HTTP/1.0")
    exchange.client.sendall(exchange.receive_all().replace(b"HTTP/1.1 200", b"HTTP/1.0 200"))


def refuses_streams(exchange, status="502 Bad Gateway"):
    if exchange.is_stream:
        exchange.client.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 9\r\n"
                                "Connection: close\r\n\r\nno stream".encode())
        return
    passes(exchange)


def refuses_streams_with(status):
    return lambda exchange: refuses_streams(exchange, status)


def cuts_streams_at(count):
    """Each stream ends after so many bytes."""
    def way(exchange):
        exchange.ask()
        exchange.relay(limit=count if exchange.is_stream else None)
    return way


def knows_only_short_answers(exchange):
    """Refuses what takes its time, streams and long-polls."""
    if exchange.is_stream or b"wait=" in exchange.head:
        exchange.client.sendall(b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n"
                                b"Connection: close\r\n\r\n")
        return
    passes(exchange)
