# SPDX-License-Identifier: Apache-2.0
"""What envd does with files: the calls of filesystem.proto, and the form that an upload may be."""

import grp
import os
import pwd
import re
import shutil
import stat
import time


class Refused(Exception):
    """Connect's code, and what to say."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Form:
    """A body of multipart/form-data (RFC 7578) as it comes."""

    def __init__(self, content_type, pieces):
        self.mark = b"\r\n--" + re.search(r'boundary="?([^";]+)', content_type).group(1).encode()
        self.pieces = iter(pieces)
        self.buffer = b"\r\n"  # so that the first mark is like all others

    def more(self):
        piece = next(self.pieces, None)
        if piece is None:
            raise Refused("internal", "error reading form: it has no end")
        self.buffer += piece

    def until(self, mark):
        """What comes before the mark, in pieces; the mark is gone, too."""
        while mark not in self.buffer:
            keep = len(mark) - 1
            yield self.buffer[:-keep]
            self.buffer = self.buffer[-keep:]
            self.more()
        before, _, self.buffer = self.buffer.partition(mark)
        yield before

    def parts(self):
        """The head of each part; its body is until(mark)."""
        for _ in self.until(self.mark):
            pass
        while True:
            while len(self.buffer) < 2:
                self.more()
            if self.buffer.startswith(b"--"):
                return
            yield b"".join(self.until(b"\r\n\r\n")).decode()


def form_files(content_type, pieces):
    """The files of a form: the name of each, and its content in pieces, which must be taken before the next."""
    form = Form(content_type, pieces)
    for head in form.parts():
        content = form.until(form.mark)
        if re.search(r'[; ]name="file"', head):
            yield re.search(r'filename="([^"]*)"', head).group(1), content
        for _ in content:
            pass


def describe(path):
    """An EntryInfo."""
    try:
        found = os.lstat(path)
    except OSError:
        raise Refused("not_found", f"path not found: {path}") from None
    kind = "FILE_TYPE_DIRECTORY" if os.path.isdir(path) else "FILE_TYPE_FILE"
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(found.st_mtime))
    info = {"name": os.path.basename(path), "type": kind, "path": path, "size": str(found.st_size),
            "mode": stat.S_IMODE(found.st_mode), "permissions": stat.filemode(found.st_mode),
            "owner": name_of(pwd.getpwuid, found.st_uid), "group": name_of(grp.getgrgid, found.st_gid),
            "modifiedTime": f"{seconds}.{found.st_mtime_ns % 10**9:09d}Z"}
    if stat.S_ISLNK(found.st_mode):
        info["symlinkTarget"] = os.path.realpath(path)
    return info


def name_of(look_up, number):
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def call_stat(user, message):
    return {"entry": describe(user.path(message.get("path", "")))}


def call_make_dir(user, message):
    path = user.path(message.get("path", ""))
    if os.path.isdir(path):
        raise Refused("already_exists", f"directory already exists: {path}")
    if os.path.lexists(path):
        raise Refused("invalid_argument", f"path already exists but it is not a directory: {path}")
    user.make_dirs(path)
    return {"entry": describe(path)}


def call_move(user, message):
    source, destination = user.path(message.get("source", "")), user.path(message.get("destination", ""))
    if not os.path.lexists(source):
        raise Refused("not_found", f"source path not found: {source}")
    user.make_dirs(os.path.dirname(destination))
    os.rename(source, destination)
    return {"entry": describe(destination)}


def call_list_dir(user, message):
    path = user.path(message.get("path", ""))
    if not os.path.exists(path):
        raise Refused("not_found", f"directory not found: {path}")
    if not os.path.isdir(path):
        raise Refused("invalid_argument", f"path is not a directory: {path}")
    return {"entries": list(entries(path, message.get("depth") or 1))}


def entries(path, depth):
    for name in sorted(os.listdir(path)):
        inner = os.path.join(path, name)
        yield describe(inner)
        if depth > 1 and os.path.isdir(inner) and not os.path.islink(inner):
            yield from entries(inner, depth - 1)


def call_remove(user, message):
    path = user.path(message.get("path", ""))
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)
    return {}


CALLS = {"Stat": call_stat, "MakeDir": call_make_dir, "Move": call_move, "ListDir": call_list_dir,
         "Remove": call_remove}
