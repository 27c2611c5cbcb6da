# SPDX-License-Identifier: GPL-2.0-only
"""Says how each test ended, and at last how many of each there were."""


class Results:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def ok(self, name, where, seconds):
        self.passed += 1
        print(f"ok {name} ({where}, {seconds:.1f} s)", flush=True)

    def not_ok(self, name, where, seconds, reason, output=()):
        self.failed += 1
        self.failures.append(f"{name} ({where}): {reason}")
        print(f"not ok {name} ({where}, {seconds:.1f} s): {reason}", flush=True)
        for line in output:
            print(f"    {line}", flush=True)

    def skip(self, name, where, reason):
        self.skipped += 1
        print(f"skip {name} ({where}): {reason}", flush=True)

    def close(self):
        """The closing lines; returns the exit status of the whole."""
        if self.failures:
            print("\nfailed:")
            for line in self.failures:
                print(f"    {line}")
        print(f"\n{self.passed} passed, {self.failed} failed, {self.skipped} skipped",
              flush=True)
        if self.failed:
            return 1
        return 0 if self.passed else 4
