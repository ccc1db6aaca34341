# SPDX-License-Identifier: Apache-2.0
"""Runs a program as the root of a user namespace: says "unshared", waits for a line, executes it."""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000

if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
    sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
os.write(1, b"unshared\n")
os.read(0, 1)
os.setgid(0)
os.setuid(0)
os.setgroups([])
os.execvp(sys.argv[1], sys.argv[1:])
