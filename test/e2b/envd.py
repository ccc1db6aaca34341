# SPDX-License-Identifier: Apache-2.0
"""The daemon inside of a sandbox: files, and processes over Connect RPC with JSON.

Runs as the box's first program: envd.py SOCKET. Ends when its standard input does, and the box with it.
What it speaks is E2B's spec/envd (envd.yaml, process.proto, filesystem.proto).
"""

import base64
import errno
import hashlib
import json
import os
import pwd
import queue
import signal
import socketserver
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

if __package__:
    from . import body, filesystem
else:
    import body
    import filesystem

SETTINGS = json.loads(os.environ.pop("ENVD_SETTINGS", "{}"))  # accessToken, envVars
STATUS_OF = {"not_found": 404, "invalid_argument": 400, "unauthenticated": 401, "already_exists": 409,
             "failed_precondition": 400, "internal": 500, "unimplemented": 501, "resource_exhausted": 429,
             "no_space": 507}


class Refusal(Exception):
    """An answer that is an error: Connect's code, and what to say."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class User:
    """Whom a request acts as: root or user. In a box with one uid both are that one."""

    def __init__(self, name):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Refusal("unauthenticated", f"invalid username: '{name}'") from None
        self.name, self.home = name, entry.pw_dir
        switches = os.getuid() == 0
        self.uid = entry.pw_uid if switches else os.getuid()
        self.gid = entry.pw_gid if switches else os.getgid()

    def path(self, text):
        if text.startswith("~"):
            if text[1:2] not in ("", "/"):
                raise Refusal("invalid_argument", "cannot expand user-specific home dir")
            text = self.home + text[1:]
        return os.path.normpath(os.path.join(self.home, text))

    def become(self):
        if os.getuid() == 0 and self.uid != 0:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)

    def make_dirs(self, path):
        """Folders that are missing, all of them the user's."""
        if path in ("", "/") or os.path.isdir(path):
            return
        if os.path.lexists(path):
            raise Refusal("invalid_argument", f"path is a file: {path}")
        self.make_dirs(os.path.dirname(path))
        os.mkdir(path, 0o755)
        os.chown(path, self.uid, self.gid)


class Process:
    """One that was started here. Its output goes to whoever is connected, and is lost otherwise."""

    def __init__(self, config, user, tag, has_stdin):
        self.config, self.tag = config, tag
        self.listeners, self.lock, self.end = [], threading.Lock(), None
        self.is_signalled = False
        environment = {"PATH": SETTINGS.get("path", "/usr/local/bin:/usr/bin:/bin"), "HOME": user.home,
                       "USER": user.name, "LOGNAME": user.name}
        environment.update(SETTINGS.get("envVars") or {})
        environment.update(config.get("envs") or {})
        cwd = user.path(config.get("cwd") or user.home)
        if not os.path.isdir(cwd):
            raise Refusal("invalid_argument", f"cwd '{cwd}' does not exist")
        try:
            self.popen = subprocess.Popen(
                [config["cmd"], *config.get("args", [])], env=environment, cwd=cwd, preexec_fn=user.become,
                stdin=subprocess.PIPE if has_stdin else subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, start_new_session=True, bufsize=0)
        except FileNotFoundError as error:
            raise Refusal("invalid_argument", f"error starting process '{config['cmd']}': {error}") from None
        except OSError as error:
            raise Refusal("invalid_argument", f"error starting process: {error}") from None
        self.pid = self.popen.pid

    def run(self):
        readers = [threading.Thread(target=self._read, args=(pipe, name), daemon=True)
                   for pipe, name in ((self.popen.stdout, "stdout"), (self.popen.stderr, "stderr"))]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._finish, args=(readers,), daemon=True).start()

    def _read(self, pipe, name):
        while piece := pipe.read(32 << 10):
            if not self.is_signalled:
                self._tell({"data": {name: base64.b64encode(piece).decode()}})

    def _finish(self, readers):
        code = self.popen.wait()
        for reader in readers:
            reader.join()
        # Names of members whose value is a default are left out, as JSON of protobuf does.
        if code < 0:
            end = {"exitCode": -1, "status": f"signal: {signal.strsignal(-code).lower()}"}
        else:
            end = {"exited": True, "status": f"exit status {code}"}
        if code > 0:
            end["exitCode"] = code
        if code != 0:
            end["error"] = end["status"]
        with self.lock:
            PROCESSES.pop(self.pid, None)
            self.end = {"end": end}
        self._tell(self.end)

    def _tell(self, event):
        with self.lock:
            for listener in self.listeners:
                listener.put(event)

    def listen(self):
        listener = queue.Queue()
        with self.lock:
            self.listeners.append(listener)
            if self.end:
                listener.put(self.end)
        return listener

    def signal(self, number):
        """As envd does it: what is printed after a signal is lost."""
        self.is_signalled = True
        self.popen.send_signal(number)

    def info(self):
        info = {"config": self.config, "pid": self.pid}
        if self.tag:
            info["tag"] = self.tag
        return info


PROCESSES = {}


def find_process(selector):
    for process in list(PROCESSES.values()):
        if process.pid == selector.get("pid") or (process.tag and process.tag == selector.get("tag")):
            return process
    raise Refusal("not_found", f"process with {selector} not found")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    body = ()

    def log_message(self, *_):
        pass

    def send_response(self, *arguments):
        # A connection that is closed before all was read breaks, and the client may not get the answer.
        for _ in self.body:
            pass
        super().send_response(*arguments)

    def end_headers(self):
        self.send_header("Connection", "close")  # one request a connection; a client that is not told uses it again
        super().end_headers()

    # Requests

    def do_GET(self):
        self.answer(self.get)

    def do_POST(self):
        self.answer(self.post)

    def answer(self, act):
        self.close_connection = True
        self.url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(self.url.query, keep_blank_values=True))
        self.body = body.pieces(self.headers, self.rfile)
        try:
            if error := self.token_error():
                self.refuse_plainly(Refusal("unauthenticated", error))
            else:
                self.act_or_refuse(act)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def act_or_refuse(self, act):
        try:
            act()
        except Refusal as refusal:
            self.refuse(refusal)
        except (BrokenPipeError, ConnectionResetError):
            raise
        except OSError as error:
            self.refuse(Refusal("no_space" if error.errno == errno.ENOSPC else "internal", str(error)))

    def token_error(self):
        """Why the request may do nothing here."""
        wanted, given = SETTINGS.get("accessToken"), self.headers.get("X-Access-Token")
        if not wanted or given == wanted or self.url.path == "/health":
            return None
        if self.url.path != "/files":
            return "unauthorized access, please provide a valid access token or method signing if supported"
        if given:
            return "access token present in header but does not match"
        return self.signature_error(wanted)

    def signature_error(self, token):
        given, expiration = self.query.get("signature"), self.query.get("signature_expiration")
        if not given:
            return "missing signature query parameter"
        operation = "read" if self.command == "GET" else "write"
        signed = [self.query.get("path", ""), operation, self.query.get("username", ""), token]
        digest = hashlib.sha256(":".join(signed + ([expiration] if expiration else [])).encode()).digest()
        if given != "v1_" + base64.b64encode(digest).decode().rstrip("="):
            return "invalid signature"
        if expiration and int(expiration) < time.time():
            return "signature is already expired"
        return None

    def refuse(self, refusal):
        status = STATUS_OF[refusal.code]
        if self.url.path.startswith(("/process.", "/filesystem.")):
            error = {"code": refusal.code, "message": str(refusal)}
            if "connect+" in (self.headers.get("Content-Type") or ""):
                self.begin_stream()
                self.send_envelope({"error": error}, flags=2)
                self.end_stream()
            else:
                self.reply(status, error)
        else:
            self.refuse_plainly(refusal)

    def refuse_plainly(self, refusal):
        status = STATUS_OF[refusal.code]
        self.reply(status, {"code": status, "message": str(refusal)})

    def reply(self, status, answer):
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def user(self):
        name = self.query.get("username")
        login = self.headers.get("Authorization") or ""
        if not name and login.startswith("Basic "):
            name = base64.b64decode(login[6:]).decode().partition(":")[0]
        return User(name or "user")

    def get(self):
        if self.url.path == "/health":
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.url.path == "/files":
            self.send_file(self.user().path(self.query.get("path", "")))
        else:
            self.reply(404, {"code": 404, "message": "not found"})

    def post(self):
        path = self.url.path
        if path == "/files":
            return self.take_file()
        service, _, name = path.lstrip("/").partition("/")
        table = {"process.Process": PROCESS_CALLS, "filesystem.Filesystem": FILESYSTEM_CALLS}.get(service, {})
        if name not in table:
            raise Refusal("unimplemented", f"{path} is not implemented")
        message = b"".join(self.body)
        if "connect+" in (self.headers.get("Content-Type") or ""):
            message = message[5:]
        return table[name](self, json.loads(message or b"{}"))

    # Files

    def send_file(self, path):
        if os.path.isdir(path):
            raise Refusal("invalid_argument", f"path '{path}' is a directory")
        try:
            file = open(path, "rb")
        except OSError:
            raise Refusal("not_found", f"path '{path}' does not exist") from None
        with file:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            while piece := file.read(body.PIECE):
                self.wfile.write(piece)

    def take_file(self):
        user = self.user()
        content_type = self.headers.get("Content-Type") or ""
        if content_type.startswith("multipart/"):
            files = filesystem.form_files(content_type, self.body)
        elif not content_type.startswith("application/octet-stream"):
            raise Refusal("invalid_argument", f"unsupported content type: {content_type}, "
                          "expected multipart/form-data or application/octet-stream")
        elif "path" not in self.query:
            raise Refusal("invalid_argument", "path query parameter is required for raw body upload")
        else:
            files = [("", self.body)]
        self.reply(200, [self.take_one(user, self.query.get("path", name), pieces) for name, pieces in files])

    @staticmethod
    def take_one(user, name, pieces):
        path = user.path(name)
        if os.path.isdir(path):
            raise Refusal("invalid_argument", f"path is a directory: {path}")
        user.make_dirs(os.path.dirname(path))
        with open(path, "wb") as file:
            os.chown(path, user.uid, user.gid)
            for piece in pieces:
                file.write(piece)
        return {"path": path, "name": os.path.basename(path), "type": "file"}

    # Processes

    def begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/connect+json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def send_envelope(self, message, flags=0):
        data = json.dumps(message).encode()
        data = struct.pack(">BI", flags, len(data)) + data
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self):
        self.wfile.write(b"0\r\n\r\n")

    def stream(self, process, listener):
        """Events until its end; the process goes on when nobody can be told any more."""
        ping = float(self.headers.get("Keepalive-Ping-Interval") or 90)
        self.begin_stream()
        self.send_envelope({"event": {"start": {"pid": process.pid}}})
        try:
            while True:
                try:
                    event = listener.get(timeout=ping)
                except queue.Empty:
                    event = {"keepalive": {}}
                if event == "deadline":
                    self.send_envelope({"error": {"code": "deadline_exceeded", "message": "too late"}}, flags=2)
                    break
                self.send_envelope({"event": event})
                if "end" in event:
                    self.send_envelope({}, flags=2)
                    break
            self.end_stream()
        finally:
            with process.lock:
                process.listeners.remove(listener)

    def start(self, message):
        config = message.get("process") or {}
        has_stdin = message.get("stdin", True)
        process = Process(config, self.user(), message.get("tag"), has_stdin)
        PROCESSES[process.pid] = process
        listener = process.listen()
        process.run()
        self.at_deadline(self.expire, process, listener)
        self.stream(process, listener)

    def at_deadline(self, act, *arguments):
        if limit := self.headers.get("Connect-Timeout-Ms"):
            timer = threading.Timer(int(limit) / 1000, act, arguments)
            timer.daemon = True
            timer.start()

    @staticmethod
    def expire(process, listener):
        """The deadline of the call that started it is the process's."""
        if not process.end:
            listener.put("deadline")
            process.popen.kill()

    def connect(self, message):
        process = find_process(message.get("process") or {})
        listener = process.listen()
        self.at_deadline(listener.put, "deadline")
        self.stream(process, listener)

    def list(self, _message):
        self.reply(200, {"processes": [process.info() for process in list(PROCESSES.values())]})

    def send_input(self, message):
        process = find_process(message.get("process") or {})
        if not process.popen.stdin:
            raise Refusal("failed_precondition", "stdin not enabled or closed")
        try:
            process.popen.stdin.write(base64.b64decode(message["input"]["stdin"]))
        except (BrokenPipeError, ValueError) as error:  # it reads no more; closed
            raise Refusal("failed_precondition", f"error writing to stdin: {error}") from None
        self.reply(200, {})

    def close_stdin(self, message):
        process = find_process(message.get("process") or {})
        if process.popen.stdin:
            process.popen.stdin.close()
        self.reply(200, {})

    def send_signal(self, message):
        process = find_process(message.get("process") or {})
        number = {"SIGNAL_SIGTERM": 15, "SIGNAL_SIGKILL": 9, 15: 15, 9: 9}.get(message.get("signal"))
        if not number:
            raise Refusal("unimplemented", f"invalid signal: {message.get('signal')}")
        process.signal(number)
        self.reply(200, {})


def filesystem_call(function):
    def call(handler, message):
        try:
            handler.reply(200, function(handler.user(), message))
        except filesystem.Refused as refused:
            raise Refusal(refused.code, str(refused)) from None
    return call


PROCESS_CALLS = {"Start": Handler.start, "Connect": Handler.connect, "List": Handler.list,
                 "SendInput": Handler.send_input, "CloseStdin": Handler.close_stdin,
                 "SendSignal": Handler.send_signal}
FILESYSTEM_CALLS = {name: filesystem_call(function) for name, function in filesystem.CALLS.items()}


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("sandbox", 0)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = Server(sys.argv[1], Handler)
    os.chmod(sys.argv[1], 0o666)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
