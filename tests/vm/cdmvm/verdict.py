# SPDX-License-Identifier: GPL-2.0-only
"""Reads the guest's kernel log and says whether the kernel complained."""

import re

# One expression for every kind of report; each finding is its first line.
REPORTS = re.compile(
    r"WARNING:|BUG:|\bOops\b|general protection|Kernel panic|unable to handle|"
    r"KASAN|KCSAN|KFENCE|UBSAN|kmemleak: [1-9]|Bad page|Bad rss-counter|"
    r"INFO: task .* blocked|INFO: rcu_|rcu: INFO|self-detected stall|"
    r"soft lockup|hard LOCKUP|"
    r"possible recursive locking|possible circular locking|inconsistent lock state|"
    r"suspicious RCU usage|DEBUG_LOCKS_WARN|lock held when returning|"
    r"possible irq lock inversion|"
    r"scheduling while atomic|sleeping function called|refcount_t:|"
    r"list_(add|del) corruption|Voluntary context switch within RCU|"
    r"allocation from offline node|"
    r"cdm-vm: (cannot load|no root disk)")

# What the stock kernels say in this machine by themselves: (expression for the first
# lines of a report, reason).
HARMLESS = (
    (r"possible circular locking dependency[\s\S]*pciehp[\s\S]*"
     r"lock:\s[^\n]*&ctrl->reset_lock[^\n]*pciehp_unconfigure_device",
     "7.2 takes its own two locks of hot-plug both ways; lockdep is off from there on"),
)
HEAD = 8    # lines of a report that an expression of HARMLESS may be about

MARK = re.compile(r"cdm-vm: mark (\d+)")
CONTEXT = 30


class KernelLog:
    """The console log on the host, read piece by piece."""

    def __init__(self, path):
        self.path = path
        self.read_to = 0
        self.announced = []

    def announce(self, expression):
        self.announced.append(re.compile(expression))

    def lines(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as log:
                return log.read().splitlines()
        except FileNotFoundError:
            return []

    def has_mark(self, number):
        return any(MARK.search(line) and int(MARK.search(line)[1]) == number
                   for line in self.lines()[self.read_to:])

    def findings(self):
        """What nobody announced since the last call: a list of blocks of lines."""
        lines = self.lines()
        found, skip_to = [], 0
        for number in range(self.read_to, len(lines)):
            if number < skip_to or not REPORTS.search(lines[number]):
                continue
            skip_to = end_of_block(lines, number)
            if not self.accepted(lines[number:skip_to]):
                found.append(lines[number:skip_to])
        self.read_to = len(lines)
        return found

    def accepted(self, block):
        return any(expression.search(block[0]) for expression in self.announced) or \
            any(re.search(expression, "\n".join(block[:HEAD])) for expression, _ in HARMLESS)


def end_of_block(lines, start):
    """A report runs to its end mark, or to the next blank or marked line."""
    for number in range(start + 1, min(start + 100, len(lines))):
        if "---[ end" in lines[number]:
            return number + 1
        if MARK.search(lines[number]):
            return number
        if number > start + 1 and REPORTS.search(lines[number]):
            return number
    return min(start + CONTEXT, len(lines))
