# SPDX-License-Identifier: Apache-2.0
"""What every attempt to escape begins with. It runs inside of the box: the standard library only.

An attempt is the body of a function. What it returns is how it got out; nothing, or an OSError, is
a refusal. FACTS has what a spy could know of the host: paths, ports, process ids.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time

FACTS = json.loads(sys.argv[1])
LIBC = ctypes.CDLL(None, use_errno=True)
PROXY = ("127.0.0.1", 3128)

# x86-64
CALLS = {"ptrace": 101, "syslog": 103, "personality": 135, "pivot_root": 155, "settimeofday": 164,
         "mount": 165, "umount2": 166, "swapon": 167, "reboot": 169, "init_module": 175,
         "quotactl": 179, "unshare": 272, "add_key": 248, "keyctl": 250, "clone": 56,
         "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
         "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "bpf": 321,
         "kexec_load": 246, "userfaultfd": 323, "io_uring_setup": 425, "open_tree": 428,
         "move_mount": 429, "fsopen": 430, "pidfd_open": 434, "openat2": 437, "pidfd_getfd": 438,
         "mount_setattr": 442, "fchmodat2": 452, "clone3": 435, "memfd_create": 319,
         "sched_setattr": 314, "chroot": 161, "acct": 163, "clock_settime": 227, "sethostname": 170,
         "iopl": 172}


def call(name, *arguments):
    """A system call; raises OSError."""
    words = [argument if not isinstance(argument, int) else ctypes.c_long(argument)
             for argument in arguments]
    result = LIBC.syscall(ctypes.c_long(CALLS[name]), *words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result


def read(path, size=4096):
    with open(path, "rb") as file:
        return file.read(size)


def read_secret_of_host(path):
    """A file that the test wrote: who can say what is in it has read it."""
    return path if FACTS["mark"].encode() in read(path, 1 << 20) else None


def first(attempts):
    """The first of many that gets out."""
    for attempt in attempts:
        try:
            how = attempt()
        except OSError:
            continue
        if how:
            return how
    return None


def opens_for_writing(*paths):
    """Opened only: nothing is written, should it succeed."""
    for path in paths:
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        return "could write " + path
    return None


def connects(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as peer:
        peer.settimeout(5)
        peer.connect(address)
        return f"connected to {address!r}"


def ask_proxy(request, bodies=1):
    """What the proxy answers, all of it until it closes or is silent."""
    with socket.socket() as peer:
        peer.settimeout(5)
        peer.connect(PROXY)
        peer.sendall(request)
        answer = b""
        try:
            while chunk := peer.recv(65536):
                answer += chunk
        except TimeoutError:
            pass
        return answer


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


def connect_by_proxy(target):
    answer = ask_proxy(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return f"tunnel to {target}" if status_of(answer) == 200 else None


def get_by_proxy(url, host=None, extra=""):
    from urllib.parse import urlsplit
    host = host or urlsplit(url).netloc
    answer = ask_proxy(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n"
                       .encode())
    return f"read {url}" if FACTS["mark"].encode() in answer else None


def main(attempt):
    try:
        how = attempt()
    except OSError as error:
        say = {"type": "attempt", "escaped": False, "errno": errno.errorcode.get(error.errno, "?")}
    else:
        say = {"type": "attempt", "escaped": bool(how), "how": str(how)}
    print(json.dumps(say), flush=True)
