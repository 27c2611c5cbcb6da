# SPDX-License-Identifier: GPL-2.0-only
"""Builds cdm for the guest with the guest's own compilers, outside the source tree.

Each source tree has a build folder in the cache. Nothing is rebuilt that did not
change, so that the loop "edit, run" stays short.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

from .base import Failure, cache_root, locked, source_root

KERNEL_PARTS = ("kmod", "include")
CHROOT_ENV = {"KBUILD_BUILD_HOST": "cdm", "KBUILD_BUILD_USER": "cdm"}


def home_of(source):
    """The folder in the cache for what is built of a source tree."""
    name = hashlib.sha256(str(source).encode()).hexdigest()[:10]
    return cache_root() / f"build-{name}"


def make_home(source):
    """Makes that folder, and drops those of source trees that are gone."""
    home = home_of(source)
    if not (home / "source").exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "source").write_text(f"{source}\n", encoding="utf-8")
        for note in cache_root().glob("build-*/source"):
            if not os.path.isdir(note.read_text(encoding="utf-8").strip()):
                shutil.rmtree(note.parent, ignore_errors=True)
    return home


class Build:
    def __init__(self, tree, source=None):
        self.tree = tree
        self.source = source or source_root()
        self.home = make_home(self.source)

    def lock(self):
        return locked(self.home / "lock", waiting="another session builds this tree")

    def make(self, what, argv, binds, cwd):
        """Runs a build command; its output is shown only when it fails or warns."""
        log = self.home / f"{what}.log"
        with open(log, "w", encoding="utf-8") as out:
            result = self.tree.run(argv, binds=binds, cwd=cwd, env=CHROOT_ENV,
                                   stdout=out, stderr=subprocess.STDOUT)
        text = log.read_text(encoding="utf-8", errors="replace")
        if result.returncode != 0:
            sys.stderr.write(text)
            raise Failure(f"the build of {what} failed")
        if "warning:" in text:
            sys.stderr.write("".join(line + "\n" for line in text.splitlines()
                                     if "warning:" in line))

    # The module ---------------------------------------------------------------

    def module_folder(self, kernel):
        """Where kmod/ is built for a kernel."""
        return self.home / f"kmod-{self.tree.root.name}-{kernel.version}"

    def module(self, kernel):
        """Builds kmod/ for a kernel; returns the .ko files, [] if there is no kmod/."""
        if not (self.source / "kmod/Makefile").exists():
            return []
        place = self.module_folder(kernel)
        changed = mirror_files(self.source, place, KERNEL_PARTS)
        done = place / ".cdm-built"
        if changed or not done.exists():
            done.unlink(missing_ok=True)
            self.make(f"kmod-{kernel.version}",
                      ["make", f"-j{os.cpu_count()}", "-C", "/mnt/src/kmod",
                       f"KDIR={kernel.kdir}", *kernel.options, "modules"],
                      [(place, "/mnt/src"), *kernel.binds], "/mnt/src/kmod")
            done.touch()
        return sorted((place / "kmod").rglob("*.ko"))

    def module_warnings(self, kernel, option):
        """All that is found in kmod/ with W=1 (compiler, kernel-doc) or C=1 (sparse)."""
        place = self.home / "kmod-checked"
        shutil.rmtree(place, ignore_errors=True)
        mirror_files(self.source, place, KERNEL_PARTS)
        result = self.tree.run(
            ["make", f"-j{os.cpu_count()}", "-C", "/mnt/src/kmod",
             f"KDIR={kernel.kdir}", option, "modules"],
            binds=[(place, "/mnt/src"), *kernel.binds], cwd="/mnt/src/kmod",
            env=CHROOT_ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return [line for line in result.stdout.splitlines()
                if "warning: " in line or "error: " in line or " Error " in line
                or "not available" in line]

    def kernel_modules(self, kernel):
        """The kernel's own modules, if the guest's disk has them not."""
        if kernel.packaged:
            return {}
        return walk(kernel.modules, f"usr/lib/modules/{kernel.version}/")

    def modules_folder(self, kernel):
        """A /lib/modules/VERSION overlay with cdm's modules and indexes that know
        them: {path in guest: file on host}."""
        built = self.module(kernel)
        below = f"usr/lib/modules/{kernel.version}"
        if not built:
            return {}
        place = self.home / f"modules-{self.tree.root.name}-{kernel.version}"
        base = place / "lib/modules" / kernel.version
        updates = base / "updates"
        fresh = False
        if not (base / "kernel").exists():
            base.mkdir(parents=True, exist_ok=True)
            # Hard links: depmod reads every module, a copy would double the cache.
            subprocess.run(["cp", "-al", str(kernel.modules / "kernel"), str(base)],
                           check=True)
            for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
                shutil.copy2(kernel.modules / name, base / name)
        updates.mkdir(exist_ok=True)
        names = {path.name for path in built}
        for path in updates.iterdir():
            if path.name not in names:
                path.unlink()
                fresh = True
        for path in built:
            target = updates / path.name
            if not target.exists() or target.stat().st_mtime_ns != path.stat().st_mtime_ns:
                shutil.copy2(path, target)
                fresh = True
        if fresh or not (base / "modules.dep.bin").exists():
            self.make(f"depmod-{kernel.version}",
                      ["depmod", "-b", "/mnt/modules", kernel.version],
                      [(place, "/mnt/modules")], "/")
        files = {f"{below}/updates/{path.name}": path for path in built}
        files |= {f"{below}/{path.name}": path for path in base.glob("modules.*")}
        return files

    # User space ---------------------------------------------------------------

    def user_space(self):
        """Installs the library, the command and the rules; returns {guest: host}."""
        if not (self.source / "meson.build").exists():
            return {}
        work, dest = self.home / "user", self.home / "dest"
        binds = [(self.source, "/mnt/src"), (self.home, "/mnt/build")]
        fresh = self.home / "user.tree"
        if not fresh.exists() or fresh.read_text(encoding="utf-8") != self.tree.root.name:
            shutil.rmtree(work, ignore_errors=True)
        if not (work / "build.ninja").exists():
            shutil.rmtree(work, ignore_errors=True)
            self.make("user", ["meson", "setup", "--prefix=/usr", "--sysconfdir=/etc",
                               "--buildtype=debugoptimized", "-Dwerror=true",
                               "/mnt/build/user", "/mnt/src"], binds, "/mnt/src")
            fresh.write_text(self.tree.root.name, encoding="utf-8")
        self.make("user", ["ninja", "-C", "/mnt/build/user"], binds, "/mnt/src")
        shutil.rmtree(dest, ignore_errors=True)
        self.make("install", ["env", "DESTDIR=/mnt/build/dest", "meson", "install", "-C",
                              "/mnt/build/user", "--no-rebuild", "--quiet"],
                  binds, "/mnt/src")
        return walk(dest, "")

    # Test programs ------------------------------------------------------------

    def test_programs(self, kernel):
        """Compiles tests/guest/*.c, and its modules for a kernel; returns
        {guest: host} of programs, modules and scripts."""
        guest = self.source / "tests/guest"
        if not guest.is_dir():
            return {}
        files = {}
        if (guest / "Makefile").exists():
            out = self.home / f"programs-{self.tree.root.name}"
            out.mkdir(exist_ok=True)
            self.make("programs", ["make", f"-j{os.cpu_count()}", "-s",
                                   "-C", "/mnt/src/tests/guest", "OUT=/mnt/out",
                                   f"VERSION={kernel.version}", f"KDIR={kernel.kdir}"],
                      [(self.source, "/mnt/src"), (out, "/mnt/out"), *kernel.binds], "/")
            files.update(walk(out, "usr/lib/cdm-tests/"))
        files.update({name: path for name, path in walk(guest, "usr/lib/cdm-tests/").items()
                      if path.suffix not in (".c", ".h") and path.name != "Makefile"})
        return files


def walk(folder, prefix):
    """{PREFIX + relative path: path} of all files and links below FOLDER."""
    return {prefix + str(path.relative_to(folder)): path
            for path in sorted(folder.rglob("*"))
            if path.is_symlink() or path.is_file()}


def mirror_files(source, place, parts):
    """Copies what changed below SOURCE/PART to PLACE/PART and takes away what is
    gone there; leaves build products alone. Says whether anything changed. A copy
    gets the present time, so that make sees the change whatever git did."""
    note = place / ".cdm-files.json"
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        shutil.rmtree(place, ignore_errors=True)
        known = {}
    now = {}
    for part in parts:
        for path in (source / part).rglob("*"):
            name = str(path.relative_to(source))
            if not path.is_file() or "/out/" in name or product(path):
                continue
            info = path.stat()
            now[name] = [info.st_mtime_ns, info.st_size]
    changed = [name for name in now if known.get(name) != now[name]]
    gone = [name for name in known if name not in now]
    for name in changed:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
        target.chmod((source / name).stat().st_mode & 0o777)
    for name in gone:
        (place / name).unlink(missing_ok=True)
    place.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(now), encoding="utf-8")
    return bool(changed or gone)


def product(path):
    """Whether PATH is something that a build left in the source tree."""
    return (path.suffix in (".o", ".ko", ".mod", ".a", ".cmd", ".d")
            or path.name.endswith(".mod.c")
            or path.name in ("Module.symvers", "modules.order", ".kdir")
            or path.parts[-2:] == ("compat", "config.h"))
