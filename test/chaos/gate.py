# SPDX-License-Identifier: Apache-2.0
"""A gate between the server and all who talk to it: it passes bytes on and, where it is told to, cuts,
resets, stalls or refuses a connection, at any byte of a request or an answer. It never invents or
repeats one."""

import collections
import contextlib
import os
import selectors
import socket
import struct
import threading

PIECE = 65536
MOST_WAITING = 1 << 20  # bytes that one side is ahead of the other

# Acts on the connection that carries the `after`-th byte in its direction, counted over all
# connections since it was set: the bytes before it are passed on, no later one is.
Trip = collections.namedtuple("Trip", "action direction after")
ACTIONS = ("cut", "reset", "stall")
DIRECTIONS = ("request", "answer")


class _End:
    """One of a connection's two sockets; what came from the other one waits here to be sent."""

    def __init__(self, link, connected, direction):
        self.link = link
        self.socket = connected
        self.direction = direction  # of the bytes that are read here
        self.peer = None
        self.waiting = bytearray()
        self.sends_no_more = False


class _Link:
    def __init__(self, client, server):
        self.stalled = False
        self.client = _End(self, client, "request")
        self.server = _End(self, server, "answer")
        self.client.peer, self.server.peer = self.server, self.client
        self.ends = (self.client, self.server)


class Gate:
    """Listens at the server's unix socket and at a TCP port of its own, with one thread. `moved` is
    called for each piece that is passed on."""

    def __init__(self, folder, moved):
        self._moved = moved
        self._public = os.path.join(folder, "server.sock")
        self._real = os.path.join(folder, "real.sock")
        self._own = os.path.join(folder, "gate.sock")
        self._lock = threading.Lock()
        self._trip = None
        self._carried = 0
        self._refusals = 0
        self._release = False
        self._closed = False
        self.tripped = 0
        self._selector = selectors.DefaultSelector()
        self._waker, waked = socket.socketpair()
        self._unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._unix.bind(self._own)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.bind(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        for listener in (self._unix, self._tcp):
            listener.listen(128)
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, listener)
        waked.setblocking(False)
        self._waked = waked
        self._selector.register(waked, selectors.EVENT_READ, waked)
        self._links = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # From other threads

    def take_place(self):
        """Stands where the server's socket is. A server that starts takes its place back."""
        os.rename(self._public, self._real)
        link = self._own + ".new"
        os.link(self._own, link)
        os.rename(link, self._public)

    def set_trip(self, trip):
        with self._lock:
            self._trip, self._carried = trip, 0
        self._wake()

    def refuse(self, count):
        """Closes the next connections at once."""
        with self._lock:
            self._refusals = count

    def release(self):
        """Lets stalled connections go on, and trips nothing more."""
        with self._lock:
            self._trip, self._refusals, self._release = None, 0, True
        self._wake()

    def close(self):
        self._closed = True
        self._wake()
        self._thread.join()

    def _wake(self):
        self._waker.send(b"x")

    # The gate's thread

    def _run(self):
        while not self._closed:
            for key, events in self._selector.select():
                if key.data is self._waked:
                    with contextlib.suppress(BlockingIOError):
                        self._waked.recv(4096)
                elif isinstance(key.data, socket.socket):
                    self._accept(key.data)
                elif key.data.link in self._links:
                    self._serve(key.data, events)
            with self._lock:
                released, self._release = self._release, False
            if released:
                self._go_on()
        for link in list(self._links):
            self._drop(link)
        for part in (self._unix, self._tcp, self._selector, self._waker, self._waked):
            part.close()

    def _accept(self, listener):
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with self._lock:
            refused = self._refusals > 0
            self._refusals -= refused
        self.tripped += refused
        server = None if refused else self._connect()
        if server is None:
            client.close()
            return
        link = _Link(client, server)
        self._links.add(link)
        for end in link.ends:
            end.socket.setblocking(False)
            self._selector.register(end.socket, selectors.EVENT_READ, end)

    def _connect(self):
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.settimeout(1)  # its backlog may be full while it is stopped
            server.connect(self._real)
            return server
        except OSError:
            server.close()
            return None

    def _serve(self, end, events):
        try:
            if events & selectors.EVENT_WRITE:
                self._send(end)
            if events & selectors.EVENT_READ and end.link in self._links:
                self._receive(end)
        except OSError:
            self._drop(end.link)

    def _receive(self, end):
        data = end.socket.recv(PIECE)
        if not data:
            end.peer.sends_no_more = True
            self._send(end.peer)
            self._watch(end)
            return
        self._moved()
        action = None
        with self._lock:
            trip = self._trip
            if trip and trip.direction == end.direction:
                self._carried += len(data)
                if self._carried > trip.after:
                    action, self._trip = trip.action, None
                    passed_on = len(data) - (self._carried - trip.after)
        if action is None:
            end.peer.waiting += data
            self._send(end.peer)
            return
        self.tripped += 1
        end.peer.waiting += data[:passed_on]
        self._send(end.peer)
        if end.link not in self._links:
            return
        if action != "stall":
            self._drop(end.link, reset=action == "reset")
            return
        end.link.stalled = True
        end.peer.waiting += data[passed_on:]
        self._watch(end)
        self._watch(end.peer)

    def _send(self, end):
        if end.waiting:
            with contextlib.suppress(BlockingIOError):
                sent = end.socket.send(end.waiting)
                del end.waiting[:sent]
        if end.sends_no_more and not end.waiting:
            with contextlib.suppress(OSError):
                end.socket.shutdown(socket.SHUT_WR)
            if end.peer.sends_no_more and not end.peer.waiting:
                self._drop(end.link)
                return
        self._watch(end)
        self._watch(end.peer)

    def _watch(self, end):
        if end.link not in self._links:
            return
        events = 0
        if not end.link.stalled:
            if not end.peer.sends_no_more and len(end.peer.waiting) < MOST_WAITING:
                events |= selectors.EVENT_READ
            if end.waiting:
                events |= selectors.EVENT_WRITE
        known = self._selector.get_map().get(end.socket.fileno())
        if known is None and events:
            self._selector.register(end.socket, events, end)
        elif known is not None and not events:
            self._selector.unregister(end.socket)
        elif known is not None and known.events != events:
            self._selector.modify(end.socket, events, end)

    def _go_on(self):
        for link in [link for link in self._links if link.stalled]:
            link.stalled = False
            for end in link.ends:
                self._watch(end)

    def _drop(self, link, reset=False):
        self._links.discard(link)
        for end in link.ends:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end.socket)
            if reset and end.socket.family == socket.AF_INET:
                linger = struct.pack("ii", 1, 0)
                end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            end.socket.close()
