# SPDX-License-Identifier: Apache-2.0
"""What is released is one file: it starts where there is nothing else (docs/decisions/0023)."""

import os
import shutil
import struct
import subprocess

from https_server import CERTIFICATE, https_server

RELEASED = os.environ["VM0_LOAD_BINARY"]  # linked as the release is
ET_DYN, PT_LOAD, PT_DYNAMIC, PT_INTERP, DT_NEEDED = 3, 1, 2, 3, 1


class Elf:
    """What a loader would read of a 64-bit executable."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._bytes = file.read()
        self.type, = struct.unpack_from("<H", self._bytes, 16)
        start, = struct.unpack_from("<Q", self._bytes, 32)
        size, count = struct.unpack_from("<HH", self._bytes, 54)
        # type, flags, offset, address, physical address, size in the file, in memory, alignment
        self._segments = [struct.unpack_from("<IIQQQQQQ", self._bytes, start + n * size)
                          for n in range(count)]

    def segments(self, kind):
        return [segment for segment in self._segments if segment[0] == kind]

    def dynamic_tags(self):
        return [struct.unpack_from("<Q", self._bytes, offset + at)[0]
                for _, _, offset, _, _, size, _, _ in self.segments(PT_DYNAMIC)
                for at in range(0, size, 16)]


def run_in_empty_root(folder, *arguments, **environment):
    """vm0 with nothing but itself and the files of `folder`."""
    shown = [word for name in sorted(os.listdir(folder))
             for word in ("--ro-bind", os.path.join(folder, name), f"/etc/{name}")]
    variables = [word for name, value in environment.items() for word in ("--setenv", name, value)]
    return subprocess.run(
        [shutil.which("bwrap"), "--unshare-user", "--unshare-pid", "--die-with-parent", "--proc", "/proc", "--ro-bind", RELEASED,
         "/vm0", *shown, "--clearenv", *variables, "--chdir", "/", "--", "/vm0", *arguments],
        capture_output=True, timeout=60, check=False)


def test_what_is_released_needs_no_loader_and_no_library():
    assert os.path.basename(os.path.dirname(RELEASED)) != "debug", "build/load/vm0 is missing"
    elf = Elf(RELEASED)
    assert elf.type == ET_DYN, "its addresses are random"
    assert elf.segments(PT_LOAD) and not elf.segments(PT_INTERP)
    assert DT_NEEDED not in elf.dynamic_tags()


def test_what_is_released_starts_in_an_empty_root(vm0):
    os.makedirs(vm0.path("etc"))
    done = run_in_empty_root(vm0.path("etc"), "version")
    assert done.returncode == 0 and done.stdout.startswith(b"vm0 "), done


def test_what_is_released_finds_names_and_speaks_tls_in_an_empty_root(vm0):
    """Modules are named there that it could not load."""
    vm0.write("etc/hosts", "127.0.0.1 vm0.test\n")
    vm0.write("etc/nsswitch.conf", "hosts: nothing\npasswd: nothing\n")
    vm0.write("etc/openssl.cnf", """\
config_diagnostics = 1
openssl_conf = init
[init]
providers = providers
[providers]
missing = missing
[missing]
module = /nothing.so
activate = 1
""")
    shutil.copy(CERTIFICATE, vm0.path("etc/ca.pem"))
    with https_server(200, {"runs": []}) as server:
        url = f"https://vm0.test:{server.server_port}"
        variables = {"VM0_API_URL": url, "VM0_TOKEN": "vm0_x", "OPENSSL_CONF": "/etc/openssl.cnf"}
        refused = run_in_empty_root(vm0.path("etc"), "ps", **variables)
        assert refused.returncode != 0 and b"certificate" in refused.stderr, refused
        assert not server.asked
        done = run_in_empty_root(vm0.path("etc"), "ps", SSL_CERT_FILE="/etc/ca.pem", **variables)
        assert done.returncode == 0, done
        assert server.asked[0][0] == f"vm0.test:{server.server_port}"
