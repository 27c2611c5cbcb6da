# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that a guest can boot: the packaged ones of the tree, and those that
are built here, of the sources of the newest, with the configurations in vm/kernel."""

import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

from .base import Failure, cache_root, locked, say

HERE = pathlib.Path(__file__).resolve().parent.parent / "kernel"

# name: the parts of its configuration
BUILT = {"debug": ("guest", "debug"), "kcsan": ("guest", "kcsan")}

ENV = {"KBUILD_BUILD_HOST": "cdm", "KBUILD_BUILD_USER": "cdm",
       "KBUILD_BUILD_TIMESTAMP": "1970-01-01"}
# What gcov needs of a module.
MODULE_OPTIONS = {"debug": ("GCOV_PROFILE=y",)}
# kmemleak doubles the time that everything takes: `--append kmemleak=on` for those
# who ask it something.
# With five levels of page tables KASAN takes good memory for bad in a moment of each boot,
# in which identify_cpu() has forgotten what the processor can, and tells of nothing else
# and proves no locks afterwards.
WORDS = {"debug": ("kmemleak=off", "no5lvl")}


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    version: str                # as uname -r says
    image: str                  # path for QEMU, inside the tree
    modules: pathlib.Path       # the folder of its modules, on the host
    kdir: str                   # where modules are built against, inside the tree
    binds: tuple = ()           # what has to be bound there for that
    options: tuple = ()         # for the build of modules
    words: tuple = ()           # for the kernel's command line

    @property
    def packaged(self):
        return not self.binds

    def line(self, append):
        """What goes on its command line: its own words, unless APPEND says otherwise."""
        given = {word.partition("=")[0] for words in append for word in words.split()}
        return (*(word for word in self.words if word.partition("=")[0] not in given),
                *append)


def find(tree, name):
    """The kernel called NAME; one that is built here is built if need be."""
    if name in BUILT:
        return built(tree, name)
    if name not in tree.kernels:
        raise Failure(f"no kernel {name!r} here; there are: "
                      f"{' '.join([*tree.kernels, *BUILT])}")
    version = tree.kernels[name]
    return Kernel(name, version, f"/boot/vmlinuz-{version}",
                  tree.root / "usr/lib/modules" / version,
                  f"/lib/modules/{version}/build")


def source_of(tree):
    """(path of the packed sources inside the tree, their version)"""
    return (tree.root / "usr/lib/cdm-vm/source").read_text(encoding="utf-8").split()


def wanted(name):
    """The lines of the configuration called NAME."""
    lines = []
    for part in BUILT[name]:
        lines += (HERE / part).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("CONFIG_")]


def built(tree, name):
    _, version = source_of(tree)
    recipe = repr((version, wanted(name), ENV, tree.root.name))
    key = hashlib.sha256(recipe.encode()).hexdigest()[:8]
    home = cache_root() / f"kernel-{name}-{key}"
    if not (home / "release").exists():
        with locked(cache_root() / "kernel.lock", waiting="another session builds a kernel"):
            if not (home / "release").exists():
                build(tree, name, home)
    os.utime(home)
    release = (home / "release").read_text(encoding="utf-8").strip()
    return Kernel(name, release, f"/mnt/cache/{home.name}/vmlinuz",
                  home / "modules/lib/modules" / release, "/mnt/kernel/build",
                  tuple(binds(tree, home)), MODULE_OPTIONS.get(name, ()),
                  WORDS.get(name, ()))


def source_folder(tree):
    return cache_root() / f"linux-{source_of(tree)[1]}"


def binds(tree, home):
    """Kbuild writes absolute paths down, so these are always the same."""
    return [(source_folder(tree), "/mnt/linux"), (home, "/mnt/kernel")]


def build(tree, name, home):
    began = time.monotonic()
    say(f"building the {name} kernel, about ten minutes on two processors "
        "(cached after that)")
    unpack(tree)
    reuse(name, home)
    (home / "build").mkdir(parents=True, exist_ok=True)
    (home / "wanted").write_text("\n".join(
        [*wanted(name), f'CONFIG_LOCALVERSION="-{home.name.removeprefix("kernel-")}"']) + "\n", encoding="utf-8")
    make = ["make", f"-j{os.cpu_count()}", "-C", "/mnt/linux", "O=/mnt/kernel/build",
            "KCONFIG_ALLCONFIG=/mnt/kernel/wanted"]
    step(tree, home, [*make, "allnoconfig"])
    check(name, home)
    step(tree, home, [*make, "bzImage", "modules"])
    step(tree, home, [*make, "INSTALL_MOD_PATH=/mnt/kernel/modules",
                      "INSTALL_MOD_STRIP=1", "modules_install"])
    shutil.copyfile(home / "build/arch/x86/boot/bzImage", home / "vmlinuz")
    release = (home / "build/include/config/kernel.release").read_text(encoding="utf-8")
    (home / "release").write_text(release, encoding="utf-8")
    say(f"{name} kernel {release.strip()} built in {time.monotonic() - began:.0f} s")


def reuse(name, home):
    """Goes on with what was built for another configuration, as Kbuild builds again
    only what that changes."""
    for old in cache_root().glob(f"kernel-{name}-*"):
        if old != home and not home.exists():
            old.rename(home)
        elif old != home:
            shutil.rmtree(old, ignore_errors=True)
    for stale in "release", "build.log":
        (home / stale).unlink(missing_ok=True)
    shutil.rmtree(home / "modules", ignore_errors=True)


def unpack(tree):
    """The sources, shared by all that is built of them."""
    packed, _ = source_of(tree)
    folder = source_folder(tree)
    if folder.exists():
        return
    for old in cache_root().glob("linux-*"):
        shutil.rmtree(old, ignore_errors=True)
    part = folder.with_name(folder.name + ".part")
    part.mkdir()
    result = tree.run(["tar", "-x", "-f", packed, "-C", "/mnt/out",
                       "--strip-components=1"], binds=[(part, "/mnt/out")])
    if result.returncode != 0:
        shutil.rmtree(part)
        raise Failure(f"cannot unpack {packed}")
    part.rename(folder)


def step(tree, home, argv):
    log = home / "build.log"
    with open(log, "a", encoding="utf-8") as out:
        result = tree.run(argv, binds=binds(tree, home), env=ENV, stdout=out,
                          stderr=subprocess.STDOUT)
    if result.returncode != 0:
        errors = [line for line in log.read_text(errors="replace").splitlines()
                  if re.search(r"error:|\*\*\*|Error ", line)]
        raise Failure(f"the kernel cannot be built: {(errors or ['?'])[0]} (all of it: {log})")


def check(name, home):
    """A symbol whose dependencies are missing is dropped without a word."""
    have = {}
    for line in (home / "build/.config").read_text(encoding="utf-8").splitlines():
        if line.startswith("CONFIG_"):
            symbol, _, value = line.partition("=")
            have[symbol] = value
    missing = [line for line in wanted(name)
               if have.get(line.partition("=")[0], "n") != line.partition("=")[2]]
    if missing:
        raise Failure(f"the {name} kernel cannot have {' '.join(missing)}")
