# SPDX-License-Identifier: Apache-2.0
"""The chaos suite: see test/README.md. Exit 0 only if nothing was lost, duplicated, reordered, stuck,
left alive or otherwise wrong."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
os.environ.setdefault("VM0_BINARY", os.path.join(HERE, "..", "..", "build", "load", "vm0"))
sys.path.insert(0, os.path.dirname(HERE))

from report import Report  # noqa: E402
from arena import Arena  # noqa: E402
from checks import check_proof, check_prune  # noqa: E402
from cloud_arena import CloudArena  # noqa: E402
from cloud_rounds import CloudRound, check_world  # noqa: E402
from rounds import Round  # noqa: E402

KINDS = ("power", "plain", "small disk")
CLOUD_KINDS = ("account", "full account")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, help="stop after so long")
    parser.add_argument("--rounds", type=int, help="stop after so many rounds (default: 200)")
    parser.add_argument("--seed", default=None, help="repeat the plan of that seed")
    parser.add_argument("--first", type=int, default=1, help="the round to begin with")
    parser.add_argument("--rounds-per-world", type=int, help="(default: 20; with --e2b: 4)")
    parser.add_argument("--e2b", action="store_true", help="rounds of runs in sandboxes, at an E2B of ours")
    parser.add_argument("--count", action="store_true", help="end with a line for test/all")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each round")
    options = parser.parse_args()
    if options.minutes is None and options.rounds is None:
        options.rounds = 20 if options.e2b else 200
    if options.rounds_per_world is None:
        options.rounds_per_world = 4 if options.e2b else 20
    if options.seed is None:
        options.seed = str(int.from_bytes(os.urandom(4), "big"))
    return options


def new_arena(options, root, number):
    """The world that a round takes place in: its kind does not depend on where we began."""
    world = (number - 1) // options.rounds_per_world
    if options.e2b:
        return CloudArena(os.path.join(root, f"w{number}"), CLOUD_KINDS[world % len(CLOUD_KINDS)])
    kind = KINDS[world % len(KINDS)]
    if kind == "small disk" and os.geteuid() != 0:
        kind = "plain"  # boxes in the namespaces that such a disk needs would be others
    return Arena(os.path.join(root, f"w{number}"), kind)


def play(options, report, root):
    """Rounds in worlds, until it is enough; a world with a failure is kept and ends it."""
    number, arena = options.first, None
    last = options.first + options.rounds - 1 if options.rounds else None
    end = time.monotonic() + options.minutes * 60 if options.minutes else None
    try:
        while (last is None or number <= last) and (end is None or time.monotonic() < end):
            if arena is None:
                arena = new_arena(options, root, number)
            round_ = (CloudRound if options.e2b else Round)(arena, options.seed, number)
            verdict = round_.play()
            world_ends = number % options.rounds_per_world == 0 or number == last
            if world_ends and not verdict.counts:
                if options.e2b:
                    check_world(arena, verdict)
                check_proof(arena, verdict)
                check_prune(arena, verdict)
            report.add(number, round_, verdict)
            if verdict.counts:
                return arena
            number += 1
            if world_ends:
                arena.close()
                arena = None
        if arena is not None:
            arena.close()
        return None
    except BaseException:
        report.broke(number)
        if arena is not None:
            report.keep(arena)
        raise


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = tempfile.mkdtemp(prefix="vc-", dir="/tmp")
    os.chmod(root, 0o755)
    report = Report(options)
    print(f"chaos: seed {options.seed}", flush=True)
    failed = play(options, report, root)
    if failed is not None:
        report.keep(failed)
    else:
        shutil.rmtree(root)
    report.print_summary()
    return 0 if failed is None else 1


if __name__ == "__main__":
    sys.exit(main())
