# SPDX-License-Identifier: GPL-2.0-only
"""What can be said of the sources without running them."""

import os
import subprocess
import time

from . import kernel, tree
from .base import host_packages, source_root
from .build import Build

NEEDED = {"shellcheck": "shellcheck", "cppcheck": "cppcheck"}
SHELLS = ("sh", "bash")

# Their macros look like unknown syntax otherwise.
HEADERS = ("cxl/libcxl.h", "daxctl/libdaxctl.h", "libkmod.h")

CPPCHECK = ("cppcheck", "--quiet", "--error-exitcode=1", "--std=c11", "--inline-suppr",
            "--enable=warning,portability,performance", "-Iinclude", "-Iinclude/uapi",
            "-Ilib", *(f"--include=/usr/include/{name}" for name in HEADERS),
            "--suppress=*:/usr/include/*", "lib", "cli", "kmod/logic")
SHELLCHECK = ("shellcheck", "--external-sources", "--source-path=SCRIPTDIR",
              "--severity=warning")


def scripts():
    """All scripts of the shell, by their names or first lines."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=source_root(), text=True,
                            stdout=subprocess.PIPE, check=True).stdout
    for name in listed.split("\0"):
        path = source_root() / name
        if not name or not path.is_file():
            continue
        with open(path, "rb") as text:
            first = text.readline(80).decode(errors="replace").split()
        if path.suffix == ".sh" or (first and first[0].startswith("#!")
                                    and first[-1].rsplit("/", 1)[-1] in SHELLS):
            yield name


def module(results):
    """kmod/ with W=1 and C=1. 7.2 wants a newer sparse than the distribution has."""
    began = time.monotonic()
    root = tree.get()
    found = [line for name, option in (("7.2", "W=1"), ("6.12", "C=1"))
             for line in Build(root).module_warnings(kernel.find(root, name), option)]
    took = time.monotonic() - began
    if found:
        results.not_ok("static-kmod", "host", took, "findings", found[:60])
    else:
        results.ok("static-kmod", "host", took)


def tidy(results, folder):
    """clang-tidy with the checks of .clang-tidy; FOLDER has compile_commands.json."""
    host_packages({"clang-tidy": "clang-tidy"})
    began = time.monotonic()
    files = [str(path) for part in ("lib", "cli", "kmod/logic")
             for path in sorted((source_root() / part).glob("*.c"))]
    shares = [files[i::os.cpu_count()] for i in range(os.cpu_count())]
    running = [subprocess.Popen(["clang-tidy", "--quiet", "-p", str(folder), *share],
                                cwd=source_root(), text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
               for share in shares if share]
    output = [process.communicate()[0] for process in running]
    took = time.monotonic() - began
    if any(process.returncode for process in running):
        results.not_ok("static-clang-tidy", "host", took, "findings",
                       "".join(output).splitlines()[-60:])
    else:
        results.ok("static-clang-tidy", "host", took)


def run(results, wanted):
    """One test for each tool."""
    if wanted("static-kmod"):
        module(results)
    checks = [("static-cppcheck", lambda: CPPCHECK),
              ("static-shellcheck", lambda: (*SHELLCHECK, *scripts()))]
    checks = [(name, argv) for name, argv in checks if wanted(name)]
    if checks:
        host_packages(NEEDED)
    for name, argv in checks:
        began = time.monotonic()
        found = subprocess.run(argv(), cwd=source_root(), text=True, check=False,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
        took = time.monotonic() - began
        if found.returncode == 0:
            results.ok(name, "host", took)
        else:
            results.not_ok(name, "host", took, "findings", found.stdout.splitlines()[-60:])
