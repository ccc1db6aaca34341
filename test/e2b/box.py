# SPDX-License-Identifier: Apache-2.0
"""A sandbox: a box of bubblewrap with a root directory of its own, and envd in it.

Started by root, it has uids of its own: a user namespace shows 0 to 65535 inside, which are other uids
outside, so that nothing in it is the host's root. Started by a user, it has that uid alone.
"""

import json
import os
import shutil
import signal
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST_UID = 300000  # of the host, for the box's 0; no run of a test has one of these
UIDS = 65536
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "nsswitch.conf", "localtime")


def children_of(pid):
    """With the first of them, the box's pid 1, goes all in it."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Box:
    """Lives until kill, or until its maker's process ends."""

    def __init__(self, root, binds, settings):
        self.root = root
        self.is_root = os.getuid() == 0
        self.socket = os.path.join(root, "envd", "socket")
        self._make_root(binds)
        self._start(binds, settings)

    def _make_root(self, binds):
        for name in ("usr", "etc", "proc", "dev", "tmp", "root", "home/user", "envd", "var/tmp", "run", "opt",
                     "mnt"):
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            os.symlink(f"usr/{name}", os.path.join(self.root, name))
        # Else bubblewrap makes them, for root alone.
        for source, target in binds:
            place = os.path.join(self.root, target.lstrip("/"))
            os.makedirs(place if os.path.isdir(source) else os.path.dirname(place), exist_ok=True)
            if not os.path.isdir(source):
                with open(place, "wb"):
                    pass
        for name in ("envd.py", "body.py", "filesystem.py"):
            shutil.copy(os.path.join(HERE, name), os.path.join(self.root, "envd"))
        own = 1000 if self.is_root else os.getuid()
        self._write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"
                    f"user:x:{own}:{own}:user:/home/user:/bin/bash\n")
        self._write("etc/group", f"root:x:0:\nuser:x:{own}:\n")
        self._write("etc/hosts", "127.0.0.1 localhost\n")
        self._write("etc/hostname", "e2b\n")
        os.chmod(os.path.join(self.root, "tmp"), 0o1777)
        if self.is_root:
            for folder, _, files in os.walk(self.root):
                for name in [folder, *(os.path.join(folder, file) for file in files)]:
                    os.chown(name, FIRST_UID, FIRST_UID, follow_symlinks=False)
            home = os.path.join(self.root, "home/user")
            os.chown(home, FIRST_UID + 1000, FIRST_UID + 1000)

    def _write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _command(self, binds):
        command = ["bwrap", "--bind", self.root, "/", "--ro-bind", "/usr", "/usr", "--proc", "/proc",
                   "--dev", "/dev", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "e2b"]
        for name in ETC:
            if os.path.exists(f"/etc/{name}"):
                command += ["--ro-bind", f"/etc/{name}", f"/etc/{name}"]
        for source, target in binds:
            command += ["--ro-bind", source, target]
        if self.is_root:
            command += ["--cap-add", "ALL"]
        return [*command, "--chdir", "/", "/usr/bin/python3", "/envd/envd.py", "/envd/socket"]

    def _start(self, binds, settings):
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1",
                       "ENVD_SETTINGS": json.dumps(settings)}
        command = self._command(binds)
        if self.is_root:
            command = ["/usr/bin/python3", os.path.join(HERE, "namespace.py"), *command]
        with open(self.root + ".log", "ab") as log:
            self.popen = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        if self.is_root:
            self._expect(b"unshared\n")
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{self.popen.pid}/{name}", "w", encoding="ascii") as file:
                    file.write(f"0 {FIRST_UID} {UIDS}\n")
            self.popen.stdin.write(b"\n")
            self.popen.stdin.flush()
        self._expect(b"ready\n")

    def _expect(self, line):
        if self.popen.stdout.readline() != line:
            with open(self.root + ".log", encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"the box did not start: {file.read()}")

    @property
    def running(self):
        return self.popen.poll() is None

    def kill(self):
        """All of it at once, as when a machine is switched off."""
        if self.running:
            for pid in [*children_of(self.popen.pid), self.popen.pid]:
                kill(pid)
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()

    def remove(self):
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)
