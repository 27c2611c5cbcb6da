# SPDX-License-Identifier: GPL-2.0-only
"""./test: everything that can be tried, with one line for each and a sum."""

import argparse
import fnmatch
import signal
import sys
import time

from . import catalog, coverage, guesttests, hosttests, kernel, static, tree
from .base import Failure, say, source_root
from .build import Build
from .results import Results


def parser():
    top = argparse.ArgumentParser(prog="./test", description="Runs the tests of cdm.")
    add = top.add_argument
    add("--quick", action="store_true", help="the subset for a developer's loop")
    add("--list", action="store_true", help="only say which tests there are")
    add("--kernel", action="append", choices=catalog.KERNELS,
        help="guest tests on this kernel only")
    add("--host", action="store_true", help="only what needs no guest")
    add("-v", "--verbose", action="store_true", help="show what guest tests print")
    add("patterns", nargs="*", metavar="PATTERN",
        help="only tests of this name, or with this in their name")
    return top


def matches(name, pattern):
    return fnmatch.fnmatch(name, pattern) or pattern in name


def main(argv):
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    results = Results()
    try:
        guests = chosen_guests(arguments)
        if arguments.list:
            show(guests)
            return 0
        host(arguments, results)
        if not arguments.host:
            guest(arguments, guests, results)
    except Failure as failure:
        say(str(failure.args[0]))
        results.not_ok("harness", "host", 0, str(failure.args[0]))
    except KeyboardInterrupt:
        say("interrupted")
        results.close()
        return 130
    print(f"\n{time.monotonic() - began:.0f} s in all")
    return results.close()


def chosen_guests(arguments):
    return guesttests.choose(source_root() / "tests/guest", arguments.patterns,
                             arguments.kernel, arguments.quick, matches)


def show(guests):
    for name, options, members in catalog.groups(guests):
        print(f"{name} {' '.join(options)}")
        for test in members:
            print(f"    {test.name}")


def host(arguments, results):
    def wanted(name):
        return not arguments.patterns or \
            any(matches(name, pattern) for pattern in arguments.patterns)
    if arguments.kernel and not arguments.patterns:
        return
    hosttests.run_own(results, wanted, arguments.quick)
    static.run(results, wanted)
    if not (source_root() / "meson.build").exists():
        return
    home = hosttests.prepare()
    if wanted("static-clang-tidy") and not arguments.quick:
        hosttests.run_tidy(home, results)
    for flavour in ("gcc",) if arguments.quick else hosttests.FLAVOURS:
        hosttests.run_meson(home, flavour, results, wanted)


def guest(arguments, guests, results):
    listed = catalog.skips(source_root() / "tests/skips")
    left = []
    for test, name in guests:
        reason = catalog.skip_reason(listed, test.name, name)
        if reason:
            results.skip(test.name, name, reason)
        else:
            left.append((test, name))
    counted = coverage.Coverage()
    for name, options, members in catalog.groups(left):
        guesttests.run_group(name, options, members, results, counted,
                             arguments.verbose)
    if counted.guests:
        show_coverage(counted)
    counted.close()


def show_coverage(counted):
    """The table of lines, kept beside what was built."""
    root = tree.get()
    build = Build(root)
    notes = build.module_folder(kernel.find(root, "debug"))
    rows = coverage.table(counted.lines(root, notes))
    path = build.home / "coverage"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"\n{rows[-1].strip()} were run by {counted.guests} guests: {path}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
