# SPDX-License-Identifier: GPL-2.0-only
"""Runs guest tests: several in one boot, each with a verdict of its own."""

import time

from . import catalog
from .guest import Guest
from .main import guest_parser

RECORD = "\x1e"
SHOWN_LINES = 60            # of a failed test's output
SLOW = {"debug": 4, "kcsan": 6}     # times as long as on a packaged kernel
PATIENCE = 3                        # times a test's own limit, on a machine that others use too
SLACK = 60                  # seconds a guest may take for putting itself back, a test


class Collector:
    """Takes the guest's output: what the runner tells, and what the tests print."""

    def __init__(self, where, results, verbose):
        self.where, self.results, self.verbose = where, results, verbose
        self.rest = b""
        self.output = []
        self.running = None
        self.began = 0
        self.ended = []
        self.fresh = self.done = False
        self.counters = []

    def write(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.line(line.decode(errors="replace").rstrip("\r"))

    def flush(self):
        pass

    def line(self, text):
        if not text.startswith(RECORD):
            self.output.append(text)
            if self.verbose:
                print(f"    {text}", flush=True)
            return
        word, _, rest = text[1:].partition(" ")
        if word == "begin":
            self.running, self.began, self.output = rest, time.monotonic(), []
        elif word == "end":
            name, took, *reason = rest.split(" ", 2)
            self.finish(name, int(took) / 1000, reason[0] if reason else "")
        elif word == "gcov":
            self.counters.append(rest.split(" ", 1))
        elif word == "fresh":
            self.fresh = True
        elif word == "done":
            self.done = True

    def finish(self, name, seconds, reason):
        self.ended.append(name)
        self.running = None
        if reason:
            shown = [] if self.verbose else self.output[-SHOWN_LINES:]
            self.results.not_ok(name, self.where, seconds, reason, shown)
        else:
            self.results.ok(name, self.where, seconds)

    def died(self, report):
        """The guest ended while a test ran: that one did it."""
        name, self.running = self.running, None
        self.ended.append(name)
        self.results.not_ok(name, self.where, time.monotonic() - self.began,
                            report[0] if report else "the guest ended",
                            [*self.output[-SHOWN_LINES:], *report[1:]])


def run_group(kernel, options, tests, results, coverage, verbose=False):
    """Runs TESTS in one guest, and in further ones where that is lost. What gcov has
    counted goes to COVERAGE."""
    left, idle = list(tests), 0
    while left:
        collector = Collector(kernel, results, verbose)
        report = boot(kernel, options, left, collector)
        coverage.add(collector.counters)
        if collector.running:
            collector.died(report)
        elif not collector.fresh and not collector.done:
            idle += 1
            if idle == 2:
                for test in left:
                    if test.name not in collector.ended:
                        results.not_ok(test.name, kernel, 0, "there is no guest", report)
                        report = []
                return
        elif collector.done and report:
            # The log was clean after each test, but not at the end of the guest.
            results.not_ok(left[-1].name, kernel, 0, report[0], report[1:])
        left = [test for test in left if test.name not in collector.ended]


def boot(kernel, options, tests, collector):
    slow = SLOW.get(kernel, 1)
    limits = {test.name: PATIENCE * slow * test.timeout for test in tests}
    words = ["--kernel", kernel, *options,
             "--timeout", str(sum(limits.values()) + slow * SLACK * len(tests))]
    arguments = guest_parser().parse_args(words)
    arguments.interactive = False
    command = ["env", f"CDM_SLOW={slow}", "/usr/lib/cdm-vm/run-tests",
               *(f"{name}:{limit}" for name, limit in limits.items())]
    guest = Guest(arguments, command, output=collector)
    guest.run()
    return guest.report


def choose(folder, patterns, kernels, quick, matches):
    """The (test, kernel) pairs that are wanted."""
    chosen = []
    for test in catalog.tests(folder):
        if patterns and not any(matches(test.name, pattern) for pattern in patterns):
            continue
        if quick and not test.quick:
            continue
        wanted = [kernel for kernel in test.kernels
                  if (kernel in kernels if kernels else catalog.by_default(kernel))]
        # The quick run takes the first kernel of each test: one guest, not three.
        chosen += [(test, kernel) for kernel in (wanted[:1] if quick else wanted)]
    return chosen
