# SPDX-License-Identifier: GPL-2.0-only
"""The guest tests of the source tree, what each of them asks for, and the skips."""

import dataclasses
import fnmatch
import pathlib
import re
import shlex

from .base import Failure
from .kernel import BUILT

PACKAGED = ("7.2", "6.12", "6.1")
KERNELS = (*PACKAGED, *BUILT)
# Built of the sources of this one, so that what runs there runs on them too.
NEWEST = PACKAGED[0]
KEYS = ("kernels", "vm", "timeout", "quick", "fresh")
HEAD_LINES = 40


@dataclasses.dataclass(frozen=True)
class Test:
    name: str
    kernels: tuple
    vm: tuple               # (kernel or "", options) pairs
    timeout: int
    quick: bool
    fresh: bool             # wants a guest to itself

    def options(self, kernel):
        """The `vm run` options of the guest that this test wants on KERNEL."""
        stands_for = NEWEST if kernel in BUILT else kernel
        for name, words in self.vm:
            if name and name in (kernel, stands_for):
                return words
        words = dict(self.vm).get("", ())
        return soft_reserved(words) if kernel == "6.1" else words


def soft_reserved(words):
    """6.1 makes no volatile CXL regions: its expanders are soft-reserved memory."""
    changed, words = [], list(words)
    while words:
        word = words.pop(0)
        if word == "--expander":
            changed += ["--soft-reserved", words.pop(0).split("@")[0]]
        elif word != "--absent":
            changed.append(word)
    return tuple(changed)


def header(path):
    """The `key: value` lines at the head of a test, whatever its comment marks."""
    found = []
    with open(path, encoding="utf-8", errors="replace") as text:
        for _, line in zip(range(HEAD_LINES), text):
            match = re.match(r"^[\s#/*]*([a-z]+)( [0-9.]+)?:\s*(.*?)\s*(\*/)?$", line)
            if match and match[1] in KEYS:
                found.append((match[1], (match[2] or "").strip(), match[3]))
    return found


def read(path):
    """The Test in PATH, or None when it is a helper (no `kernels:` line)."""
    lines = header(path)
    values = {key: value for key, _, value in lines}
    if "kernels" not in values:
        return None
    kernels = tuple(values["kernels"].split())
    if kernels == ("all",):
        kernels = PACKAGED
    unknown = [kernel for kernel in kernels if kernel not in KERNELS]
    if unknown or not kernels:
        raise Failure(f"{path.name}: unknown kernel {' '.join(unknown)}")
    if NEWEST in kernels:
        kernels += tuple(kernel for kernel in BUILT if kernel not in kernels)
    return Test(
        name=path.stem if path.suffix == ".c" else path.name,
        kernels=kernels,
        vm=tuple((kernel, tuple(shlex.split(value)))
                 for key, kernel, value in lines if key == "vm"),
        timeout=int(values.get("timeout", "60")),
        quick=values.get("quick", "no") == "yes",
        fresh=values.get("fresh", "no") == "yes")


def tests(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).glob("*-*")):
        if path.is_file() and path.suffix in ("", ".c"):
            test = read(path)
            if test:
                found[test.name] = test
    return list(found.values())


def by_default(kernel):
    """Whether ./test runs on KERNEL when no kernel is named."""
    return kernel in PACKAGED


def skips(path):
    """[(name pattern, kernel pattern, reason)]: `tests/skips` is the only place
    that can leave a test out, and says why."""
    found = []
    if not path.exists():
        return found
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split(None, 2)
        if len(words) < 3:
            raise Failure(f"{path.name}:{number}: wants TEST KERNEL REASON")
        found.append(tuple(words))
    return found


def skip_reason(listed, name, kernel):
    for test, where, reason in listed:
        if fnmatch.fnmatch(name, test) and fnmatch.fnmatch(kernel, where):
            return reason
    return None


def groups(chosen):
    """Gathers (test, kernel) pairs into guests: [(kernel, options, [tests])]."""
    gathered = {}
    for number, (test, kernel) in enumerate(chosen):
        key = (kernel, test.options(kernel), number if test.fresh else -1)
        gathered.setdefault(key, []).append(test)
    order = {kernel: number for number, kernel in enumerate(KERNELS)}
    return [(kernel, options, members) for (kernel, options, _), members
            in sorted(gathered.items(), key=lambda item: order[item[0][0]])]
