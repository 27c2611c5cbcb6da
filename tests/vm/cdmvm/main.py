# SPDX-License-Identifier: GPL-2.0-only
"""The command line of tests/vm/vm."""

import argparse
import signal
import sys

from . import guest, tree
from .base import Failure, parse_size, say


def size(text):
    try:
        return parse_size(text)
    except Failure as failure:
        raise argparse.ArgumentTypeError(str(failure)) from None


def guest_options(parser):
    add = parser.add_argument
    add("--kernel", default="7.2", help="7.2 (default), 6.12, 6.1, debug or kcsan (built here once)")
    add("--ram", type=size, default="2G", help="ordinary memory (2G)")
    add("--cpus", type=int, default=2)
    add("--expander", action="append", default=[], metavar="SIZE[@WINDOW]",
        help="a CXL memory expander, exp0, exp1, ...; a window is a NUMA node")
    add("--absent", action="store_true", help="the expanders start unplugged")
    add("--soft-reserved", action="append", type=size, default=[], metavar="SIZE",
        help="memory that firmware marks as reserved for a purpose")
    add("--iommu", action="store_true",
        help="an IOMMU, and a device that no driver takes (1234:11e8)")
    add("--copy", action="append", default=[], metavar="PATH",
        help="put this file or folder into the guest's /root")
    add("--append", action="append", default=[], metavar="WORDS",
        help="more for the kernel's command line")
    add("--bench", action="store_true",
        help="memory and processor such that times mean something")
    add("--cpu", help="QEMU's -cpu, instead of the usual one")
    add("--timeout", type=float, default=300, metavar="S",
        help="how long the command may take (300)")
    add("--no-cdm", action="store_true", help="a stock system: cdm is not installed")
    add("-v", "--verbose", action="store_true", help="say how long the boot took")


def guest_parser():
    """The options of a guest alone, for those who boot one themselves."""
    one = argparse.ArgumentParser(add_help=False)
    guest_options(one)
    return one


def parser():
    top = argparse.ArgumentParser(
        prog="vm", description="Boots a Debian guest with CXL memory expanders.")
    verbs = top.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="run a command as root and exit as it does; "
                           "125: the guest died, hung, or its kernel complained")
    guest_options(run)
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    shell = verbs.add_parser("shell", help="a person's login")
    guest_options(shell)
    verbs.add_parser("root", help="print the guest's root folder")
    return top


def main(argv):
    arguments = parser().parse_args(argv)
    for number in signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if arguments.verb == "root":
            print(tree.get().root)
            return 0
        arguments.interactive = arguments.verb == "shell"
        command = [] if arguments.interactive else arguments.command
        if command[:1] == ["--"]:
            command = command[1:]
        if not arguments.interactive and not command:
            raise Failure("run: no command; put it after --")
        one = guest.Guest(arguments, command)
        status = one.run()
        for line in one.report:
            say(line)
        return status
    except Failure as failure:
        say(str(failure))
        return guest.NO_VERDICT
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
