# SPDX-License-Identifier: Apache-2.0
"""The loss of power. `simulate(world)` lets every process that is started from then on keep an undo
journal (src/os/power_loss.h); `cut(world, random)` kills them all and takes back from the disk what
was not synced: none of it, all, the last of it, some of it, whole or torn. Then the machine may boot:
whatever is started next finds what a disk could hold after that."""

import collections
import contextlib
import json
import os
import shutil
import time
import uuid

import waits

class _Always:
    """Choices that are not random: the first or the second of each."""

    def __init__(self, index):
        self._index = index

    def choice(self, options):
        return options[self._index]

    @staticmethod
    def random():
        return 1.0

    @staticmethod
    def randint(low, _):
        return low

    @staticmethod
    def randbytes(count):
        return bytes(count)


LOSE_ALL, KEEP_ALL = _Always(0), _Always(1)  # for `random`: all that is not synced, nothing

REGISTRY = "/run/vm0/uids"  # of run uids: a folder that a boot makes anew


def simulate(world):
    """From now on. Before the world's first process, for what that has not noted is taken to be
    durable."""
    folder = os.path.join(world.root, "power")
    os.mkdir(folder)
    world.env["VM0_TEST_POWER"] = folder


def cut(world, random):
    """Kills all processes of the world at once and drops what was not synced, as `random` (or
    LOSE_ALL, or KEEP_ALL) says."""
    kill_all(world)
    lose(world.env["VM0_TEST_POWER"], world.root, random)
    _forget_what_no_boot_keeps(world, random)
    world.env["VM0_TEST_BOOT_ID"] = str(uuid.UUID(bytes=random.randbytes(16)))


def kill_all(world):
    for process in world.processes:
        process.kill()
    while pids := waits.processes_with(world.root):
        for pid in pids:
            waits.kill(pid)
        for pid in pids:
            waits.wait_gone(pid)


def _forget_what_no_boot_keeps(world, random):
    for name in os.listdir(world.data_dir):
        if name.endswith("-shm"):  # memory that databases share; never written back in any order
            path = os.path.join(world.data_dir, name)
            if random.random() < 0.5:
                os.unlink(path)
            else:
                with open(path, "r+b") as file:
                    file.write(random.randbytes(os.path.getsize(path)))
    forget_uids(world)


def forget_uids(world):
    """Empties the registry of what this world's runs have there, as a boot does."""
    if os.access(REGISTRY, os.W_OK):
        for uid in filter(str.isdigit, os.listdir(REGISTRY)):
            _forget_uid(world, os.path.join(REGISTRY, uid))


def _forget_uid(world, path):
    with contextlib.suppress(FileNotFoundError):  # another world's that is freed by now
        with open(path, encoding="utf-8") as file:
            is_ours = file.read().startswith(world.root + "/")
        if is_ours:
            os.unlink(path)


def lose(folder, root, random):
    """Drops what the journals in `folder` say is not synced, from the files below `root`. What is
    left is durable: the journals begin anew."""
    changes, names = unsynced(read_journals(folder))
    paths = find_paths(root)
    for file_id, ops in changes.items():
        if file_id in paths:
            _rewrite(paths[file_id], lambda content, ops=ops: lose_writes(content, ops, random))
    undone = [op for ops in names.values() for op in lose_names(ops, random)]
    for op in sorted(undone, key=lambda op: op["at"], reverse=True):
        if op["folder"] in paths:
            _undo_name(op, paths[op["folder"]], folder)
    shutil.rmtree(folder)
    os.mkdir(folder)


def forget(world, path):
    """A file is about to be removed by a test: its number may soon be another file's."""
    journals = world.env.get("VM0_TEST_POWER")
    if journals:
        entry = {"at": time.monotonic_ns(), "op": "sync", "file": _id_of(path), "bytes": 0}
        with open(os.path.join(journals, "test.journal"), "a", encoding="ascii") as file:
            file.write(json.dumps(entry) + "\n")


def read_journals(folder):
    """All entries that are whole, in order; the bytes of each are in its "old"."""
    entries = []
    for name in os.listdir(folder):
        if name.endswith(".journal"):
            with open(os.path.join(folder, name), "rb") as file:
                entries += _read_journal(file)
    return sorted(entries, key=lambda entry: entry["at"])


def _read_journal(file):
    while (line := file.readline()).endswith(b"\n"):
        entry = json.loads(line)
        entry["old"] = file.read(entry["bytes"])
        if len(entry["old"]) < entry["bytes"]:
            return
        yield entry


def unsynced(entries):
    """What no sync has made durable: the changes of each file, the changes of names of each
    folder."""
    changes, names = collections.defaultdict(list), collections.defaultdict(list)
    for entry in entries:
        if entry["op"] == "sync":
            changes.pop(entry["file"], None)
            names.pop(entry["file"], None)
        elif entry["op"] in ("write", "truncate"):
            changes[entry["file"]].append(entry)
        else:
            names[entry["folder"]].append(entry)
    return changes, names


def find_paths(root):
    """Where each file and folder is, by "device:inode"."""
    paths = {}
    for folder, _, files in os.walk(root):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            paths[_id_of(path)] = path
    return paths


def _id_of(path):
    found = os.lstat(path)
    return f"{found.st_dev}:{found.st_ino}"


# The content of a file: a disk may write unsynced blocks in any order.


def lose_writes(content, ops, random):
    """The content after some of the unsynced writes, which `content` is the outcome of."""
    for op in reversed(ops):
        if op["op"] == "write":
            op["new"] = bytes(content[op["offset"]:op["offset"] + op["size"]])
        _set_range(content, op["offset"], op["old"])
        _resize(content, op["fileSize"])
    for op, survives in zip(ops, _survivors(len(ops), random)):
        if op["op"] == "truncate":
            if survives:
                _resize(content, op["size"])
            continue
        pieces = _tear(op, random) if survives == "torn" else [(0, len(op["new"]))] * bool(survives)
        for begin, end in pieces:
            _set_range(content, op["offset"] + begin, op["new"][begin:end])
        if random.random() < 0.2:  # a disk may note a size and lose what it is made of
            _resize(content, max(len(content), op["offset"] + len(op["new"])))
    return content


def _survivors(count, random):
    """For each change: True, False or "torn"."""
    kind = random.choice(["none", "all", "first", "first", "some", "some"])
    if kind in ("none", "all"):
        return [kind == "all"] * count
    if kind == "some":
        return [random.choice([True, False, "torn"]) for _ in range(count)]
    whole = random.randrange(count)
    return [True] * whole + [random.choice([False, "torn"])] + [False] * (count - whole - 1)


def _tear(op, random):
    """The pieces of a write that survive: its first bytes, or some sectors."""
    size = len(op["new"])
    if random.random() < 0.5:
        return [(0, random.randint(0, size))]
    sector = random.choice([512, 4096])
    bounds = [0, *range(sector - op["offset"] % sector, size, sector), size]
    return [piece for piece in zip(bounds, bounds[1:]) if random.random() < 0.5]


def _set_range(content, offset, data):
    _resize(content, max(len(content), offset))
    content[offset:offset + len(data)] = data


def _resize(content, size):
    del content[size:]
    content.extend(bytes(size - len(content)))


def _rewrite(path, change):
    with open(path, "r+b") as file:
        content = change(bytearray(file.read()))
        file.seek(0)
        file.write(content)
        file.truncate()


# The names in a folder. Those that have nothing to do with each other are lost independently, those
# that have (a temporary file and what it is renamed to) in order.


def lose_names(ops, random):
    """Those of the unsynced changes of a folder's names that are undone."""
    undone = []
    for group in _groups(ops):
        kept = random.choice([0, len(group), random.randint(0, len(group))])
        undone += group[kept:]
    return undone


def _groups(ops):
    groups = []
    for op in ops:
        names = {op["name"], op.get("to", op["name"])}
        joined = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        groups.append((names.union(*(group[0] for group in joined)),
                       sorted(sum((group[1] for group in joined), []) + [op],
                              key=lambda op: op["at"])))
    return [group[1] for group in groups]


def _undo_name(op, folder, journal):
    """What the entry notes may not have happened: its process was killed before."""
    path = os.path.join(folder, op["name"])
    kept = os.path.join(journal, op["kept"]) if "kept" in op else None
    if not os.path.isdir(folder):
        return
    if op["op"] == "create":
        _remove(path)
    elif op["op"] == "rename":
        to = os.path.join(folder, op["to"])
        if os.path.lexists(to) and _id_of(to) == op["file"]:
            os.rename(to, path)
            if kept:
                os.rename(kept, to)
    elif not os.path.lexists(path):
        if kept:
            os.rename(kept, path)
        else:
            os.mkdir(path, op["mode"])


def _remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
