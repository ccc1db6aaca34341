#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small disk that really fills up: a tmpfs in a mount namespace of its own, so that no other
process of the machine sees it. A process that holds the namespace keeps it; others are started in it
with the words of `enter` before theirs.

  disk = SmallDisk(folder, megabytes)      the folder is made
  subprocess.run([*disk.enter, "vm0", "serve", "--data-dir", disk.data_dir])
  disk.fill(); disk.empty()

`data_dir` is the same path inside, where it is a directory, and outside, where it is a symbolic link
to it.
"""

import ctypes
import errno
import os
import subprocess
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_REC_PRIVATE = 0x4000 | 0x40000
PYTHON = "/usr/bin/python3"


class SmallDisk:
    def __init__(self, folder, megabytes):
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        # The folder is told by the pipe: who looks for processes of a test finds them by their words.
        self._holder = subprocess.Popen([PYTHON, os.path.abspath(__file__), "hold"], cwd="/",
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._holder.stdin.write(f"{megabytes} {folder}\n".encode())
        self._holder.stdin.flush()
        assert self._holder.stdout.readline() == b"ready\n", "no small disk: see above"
        self._inside = f"/proc/{self._holder.pid}/root{folder}"
        self._filler = os.path.join(self._inside, "filler")
        self.data_dir = os.path.join(folder, "d")
        os.symlink(os.path.join(self._inside, "d"), self.data_dir)
        self.enter = [PYTHON, os.path.abspath(__file__), "enter", str(self._holder.pid)]

    @property
    def free(self):
        """Bytes."""
        stat = os.statvfs(self._inside)
        return stat.f_bavail * stat.f_frsize

    def fill(self, leave=0):
        """Takes all room but `leave` bytes, whole pages."""
        fd = os.open(self._filler, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while (more := self.free - leave) > 0:
                try:
                    os.posix_fallocate(fd, os.fstat(fd).st_size, more)
                except OSError as error:  # somebody else was faster
                    if error.errno != errno.ENOSPC:
                        raise
        finally:
            os.close(fd)

    def empty(self):
        """Gives the room back."""
        os.unlink(self._filler)

    def close(self):
        """The disk goes with the last process in it."""
        self._holder.stdin.close()
        self._holder.stdout.close()
        self._holder.wait()


def call(function, *arguments):
    """A function of libc that gives 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        sys.exit(f"{function}: {os.strerror(ctypes.get_errno())}")


def enter_user_namespace():
    """In which our ids mean themselves."""
    uid, gid = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"),
                       ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def hold():
    megabytes, folder = sys.stdin.readline().rstrip("\n").split(" ", 1)
    if os.geteuid() == 0:
        call("unshare", CLONE_NEWNS)
        call("mount", None, b"/", None, MS_REC_PRIVATE, None)
    else:
        enter_user_namespace()
    call("mount", b"tmpfs", folder.encode(), b"tmpfs", 0, f"size={megabytes}m,mode=755".encode())
    os.mkdir(os.path.join(folder, "d"), 0o700)
    print("ready", flush=True)
    sys.stdin.read()


def enter(pid, argv):
    cwd = os.getcwd()
    names = ["mnt"] if os.geteuid() == 0 else ["user", "mnt"]
    for fd in [os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in names]:
        call("setns", fd, 0)
    os.chdir(cwd)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold()
    else:
        enter(sys.argv[2], sys.argv[3:])
