# SPDX-License-Identifier: Apache-2.0
"""Waiting for events: output, files, the end of processes. Nothing here sleeps; HANG_SECONDS only
turns a wait for something that never comes into a failure with a text."""

import contextlib
import ctypes
import os
import select
import signal
import threading
import time

HANG_SECONDS = 60


class Hang(AssertionError):
    pass


class Output:
    """The bytes that come out of a descriptor, collected by a thread of their own."""

    def __init__(self, fd, name):
        self._fd = fd
        self._name = name
        self._changed = threading.Condition()
        self._data = bytearray()
        self._ended = False
        self._seen = 0
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        while True:
            try:
                piece = os.read(self._fd, 65536)
            except OSError:  # EIO: the other side of a pty is gone
                piece = b""
            with self._changed:
                self._data += piece
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                os.close(self._fd)
                return

    @property
    def data(self):
        with self._changed:
            return bytes(self._data)

    @property
    def text(self):
        return self.data.decode(errors="replace")

    def expect(self, text):
        """Waits for `text` behind what was expected before; gives all up to and with it."""
        wanted = text.encode() if isinstance(text, str) else text

        def found():
            return self._ended or self._data.find(wanted, self._seen) >= 0
        with self._changed:
            in_time = self._changed.wait_for(found, HANG_SECONDS)
            at = self._data.find(wanted, self._seen)
            if at < 0:
                state = "ended" if in_time else "went silent"
                raise Hang(f"{self._name} {state} without {text!r}:\n{self.text[-4000:]}")
            before = self._seen
            self._seen = at + len(wanted)
            return bytes(self._data[before:self._seen])

    def expect_bytes(self, count):
        """Waits until there are so many bytes in all."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._ended or len(self._data) >= count,
                                          HANG_SECONDS)
            if not done or len(self._data) < count:
                raise Hang(f"{self._name}: {len(self._data)} bytes of {count} came")

    def wait_end(self):
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended, HANG_SECONDS):
                raise Hang(f"{self._name} does not end:\n{self.text[-4000:]}")
        return self.data


def wait_gone(pid, timeout=HANG_SECONDS):
    """Waits for the end of any process."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([fd], [], [], timeout)[0]:
            raise Hang(f"process {pid} does not end: {describe_process(pid)}")
    finally:
        os.close(fd)


def until(what, done):
    """Asks again and again, for what nothing tells of; time has to flow meanwhile."""
    end = time.monotonic() + HANG_SECONDS
    while not done():
        if time.monotonic() > end:
            raise Hang(f"never: {what}")


def describe_process(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")[:300]
    except OSError:
        return "(gone)"


_LIBC = ctypes.CDLL(None, use_errno=True)
_IN_EVENTS = 0x2 | 0x8 | 0x80 | 0x100 | 0x200  # MODIFY, CLOSE_WRITE, MOVED_TO, CREATE, DELETE


def wait_path(path, condition=os.path.exists, timeout=HANG_SECONDS):
    """Waits until condition(path) holds; looks again whenever something in its folder changes."""
    fd = _LIBC.inotify_init1(os.O_CLOEXEC)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    try:
        folder = os.path.dirname(path).encode()
        if _LIBC.inotify_add_watch(fd, folder, _IN_EVENTS) < 0:
            raise OSError(ctypes.get_errno(), f"watch {folder!r}")
        end = time.monotonic() + timeout
        while not condition(path):
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                raise Hang(f"{path} does not become what was expected")
            os.read(fd, 65536)
    finally:
        os.close(fd)


def file_contains(text):
    """For wait_path: the file is there and has `text` in it."""
    wanted = text.encode() if isinstance(text, str) else text

    def condition(path):
        try:
            with open(path, "rb") as file:
                return wanted in file.read()
        except FileNotFoundError:
            return False
    return condition


class Gate:
    """A fifo that a scripted agent waits for: {"wait": gate.path}."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        os.chmod(path, 0o666)
        # Read-write: what is written stays until somebody reads it, and open never blocks.
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def open(self, times=1):
        """Lets the next `times` waits go on."""
        os.write(self._fd, b"x" * times)

    def close(self):
        os.close(self._fd)


class FoundGate(Gate):
    """A gate whose fifo somebody else has made."""

    def __init__(self, path):  # pylint: disable=super-init-not-called
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)


class Bell:
    """A fifo that a scripted agent rings: {"tell": bell.path}."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        os.chmod(path, 0o666)
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)

    def wait(self, count=1):
        """Waits for so many bytes; gives them."""
        data = b""
        while len(data) < count:
            if not select.select([self._fd], [], [], HANG_SECONDS)[0]:
                raise Hang(f"nobody rang {self.path}: {data!r}")
            data += os.read(self._fd, count - len(data))
        return data

    def count(self):
        """How often it was rung since it was asked."""
        with contextlib.suppress(BlockingIOError):
            return len(os.read(self._fd, 65536))
        return 0

    def ring_back(self, count):
        """Puts back what was waited for too early: the next wait counts it."""
        os.write(self._fd, b"x" * count)

    def is_silent(self):
        """Whether nothing has come."""
        return not select.select([self._fd], [], [], 0)[0]

    def close(self):
        os.close(self._fd)


def processes_with(text):
    """Pids of all processes that have `text` in environment, command line or working directory."""
    wanted = text.encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and _mentions(name, wanted):
            found.append(int(name))
    return found


def _mentions(pid, wanted):
    try:
        for part in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{part}", "rb") as file:
                if wanted in file.read():
                    return True
        return wanted in os.readlink(f"/proc/{pid}/cwd").encode()
    except OSError:  # gone meanwhile, or somebody else's
        return False


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def descendants(pid):
    """Pids of the whole tree below a process, parents first."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                children.setdefault(parent_of(name), []).append(int(name))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(0), []):
            found.append(child)
            todo.append(child)
    return found


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def kill_and_wait(pid):
    kill(pid)
    wait_gone(pid)


class VirtualClock:
    """The server of VM0_TEST_CLOCK; the protocol is in src/os/clock.h. Time stands still but for
    advance()."""

    def __init__(self, path):
        import socket
        self.path = path
        self._changed = threading.Condition()
        self._mono = 1_000_000_000
        self._wall = 1_763_625_600_000_000  # 2025-11-20T08:00:00Z
        self._clients = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    class Client:
        def __init__(self, connection):
            self.connection = connection
            self.pid, self.role = 0, ""
            self.deadline = -1
            self.idle = 0

        def send_now(self, mono, wall):
            try:
                self.connection.sendall(f"now {mono} {wall}\n".encode())
            except OSError:
                pass  # it died; its reader will notice

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        client = self.Client(connection)
        with connection, connection.makefile("rb") as lines:
            try:
                for line in lines:
                    self._take(client, line.decode().split())
            except OSError:
                pass
        with self._changed:
            self._clients.pop(client, None)
            self._changed.notify_all()

    def _take(self, client, words):
        with self._changed:
            if words[0] == "hello":
                client.pid, client.role = int(words[1]), words[2]
                client.idle = self._mono
                self._clients[client] = None
                client.send_now(self._mono, self._wall)
            elif words[0] == "timer":
                client.deadline = int(words[1])
            elif words[0] == "idle":
                client.idle = int(words[1])
            self._changed.notify_all()

    def advance(self, seconds):
        """Moves time on; returns when every process has run what is due."""
        with self._changed:
            self._mono += int(seconds * 1e6)
            self._wall += int(seconds * 1e6)
            target = self._mono
            told = list(self._clients)
            for client in told:
                client.send_now(self._mono, self._wall)
            done = self._changed.wait_for(
                lambda: all(c not in self._clients or c.idle >= target for c in told), HANG_SECONDS)
            if not done:
                raise Hang(f"not idle after an advance: {self._describe()}")

    def jump_wall(self, seconds):
        """The wall clock alone moves: somebody set it, or the machine slept."""
        with self._changed:
            self._wall += int(seconds * 1e6)
        self.advance(1e-6)  # everybody has heard of it then

    def wait_timer(self, role, within=None, pid=None):
        """Waits until a process of that role has a timer, due at most `within` seconds from now."""
        def waits(client):
            if client.role != role or client.deadline < 0 or (pid and client.pid != pid):
                return False
            return within is None or client.deadline <= self._mono + within * 1e6
        with self._changed:
            if not self._changed.wait_for(lambda: any(map(waits, self._clients)), HANG_SECONDS):
                raise Hang(f"no timer of {role} within {within} s: {self._describe()}")

    def advance_until_gone(self, pid, step=5.0, limit=7200.0):
        """Advances until a process has ended; gives the seconds that it took. Between the steps
        there is real time for requests to be answered, which time must not outrun."""
        fd = os.pidfd_open(pid)
        moved = 0.0
        try:
            while not select.select([fd], [], [], 0.02)[0]:
                assert moved < limit, f"not within {limit} s: {self._describe()}"
                self.advance(step)
                moved += step
        finally:
            os.close(fd)
        return moved

    def roles(self):
        with self._changed:
            return sorted(c.role for c in self._clients)

    @contextlib.contextmanager
    def flow(self, speed=1):
        """Lets time flow at its usual speed, or so many times faster, meanwhile: for what comes after a jump (kept
        connections that have ended, retries), when no test depends on when."""
        stop = threading.Event()

        def run():
            while not stop.wait(0.02):
                self.advance(0.02 * speed)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def has_role(self, role):
        return role in self.roles()

    def wait_role(self, role, present=True):
        with self._changed:
            if not self._changed.wait_for(
                    lambda: any(c.role == role for c in self._clients) == present, HANG_SECONDS):
                raise Hang(f"{role} present={present} never: {self._describe()}")

    def _describe(self):
        return [(c.role, c.pid, c.deadline - self._mono, c.idle - self._mono)
                for c in self._clients]

    def close(self):
        self._socket.close()
