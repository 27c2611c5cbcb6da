# SPDX-License-Identifier: GPL-2.0-only
"""The guest's root folder: built once, kept in the cache, used by chroot too."""

import hashlib
import os
import pathlib
import signal
import subprocess
import time

from . import mirror
from .base import Failure, cache_root, host_packages, locked, need_root, say

HERE = pathlib.Path(__file__).resolve().parent.parent / "tree"
KEPT_TREES = 3
LAYOUT = 1    # raise it when build() itself does something else

# Of no use here, and half of the bytes of a kernel package.
LEFT_OUT = (
    "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*",
    *(f"{lib}/modules/*/kernel/{part}/*"
      for lib in ("/lib", "/usr/lib")
      for part in ("drivers/gpu", "drivers/media", "drivers/net/wireless",
                   "drivers/net/ethernet", "drivers/staging", "drivers/iio",
                   "sound")),
)


def stamp():
    """Names what a tree is built from; another stamp is another tree."""
    constants = (LAYOUT, LEFT_OUT, mirror.MAIN_SUITES, mirror.SECURITY_SUITES)
    digest = hashlib.sha256(repr(constants).encode())
    for name in ("packages", "setup", "preferences"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:12]


def packages():
    lines = (HERE / "packages").read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


class Tree:
    def __init__(self, root):
        self.root = root
        self.kernels = {}
        text = (root / "usr/lib/cdm-vm/kernels").read_text(encoding="utf-8")
        for line in text.splitlines():
            name, version = line.split()
            self.kernels[name] = version

    def chroot_argv(self, argv, binds=(), cwd="/"):
        """The command that runs ARGV inside the tree, in a mount namespace of its
        own, so that nothing stays mounted whatever happens. BINDS are pairs of
        host path and path below /mnt."""
        script = ["set -e", 'root=$1; shift', "mount -t proc proc $root/proc",
                  "mount --rbind /dev $root/dev", "mount -t tmpfs tmpfs $root/tmp",
                  "mount -t tmpfs tmpfs $root/mnt"]
        for _, inside in binds:
            script.append(f'mkdir -p "$root{inside}"')
            script.append(f'mount --bind "$1" "$root{inside}"; shift')
        script.append('cd "$root"; exec chroot . /bin/sh -c \'cd "$0" && exec "$@"\' "$@"')
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                "\n".join(script), "sh", str(self.root),
                *(str(outside) for outside, _ in binds), cwd, *argv]

    def run(self, argv, binds=(), cwd="/", env=None, **options):
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                   "HOME": "/root", **(env or {})}
        return subprocess.run(self.chroot_argv(argv, binds, cwd), env=environ,
                              stdin=subprocess.DEVNULL, check=False, **options)


def get():
    """The tree of this harness, built if there is none."""
    need_root()
    root = cache_root() / f"tree-{stamp()}"
    if not (root / "usr/lib/cdm-vm/complete").exists():
        with locked(cache_root() / "tree.lock", waiting="another session builds the tree"):
            if not (root / "usr/lib/cdm-vm/complete").exists():
                build(root)
                drop_old(root)
    os.utime(root)
    return Tree(root)


def build(root):
    # dpkg-dev: what makes mmdebstrap fast asks dpkg-architecture.
    host_packages({"mmdebstrap": "mmdebstrap", "dpkg-architecture": "dpkg-dev",
                   mirror.KEYRING: "debian-archive-keyring"})
    check_keyring()
    began = time.monotonic()
    sources = mirror.sources()
    say("building the guest tree, about two minutes (cached after that)")
    part = root.with_name(root.name + ".part")
    log = cache_root() / "tree.log"
    remove(part)
    command = [
        "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
        "--architectures=amd64", "--include=" + ",".join(packages()),
        "--aptopt=Apt::Install-Recommends \"false\"",
        "--aptopt=Acquire::Languages \"none\"",
        *("--aptopt=" + line.rstrip(";") for line in mirror.apt_options()),
        "--dpkgopt=force-unsafe-io",
        *("--dpkgopt=path-exclude=" + glob for glob in LEFT_OUT),
        f"--setup-hook=cp {HERE}/preferences \"$1\"/etc/apt/preferences.d/cdm",
        "--setup-hook=echo do_initrd = no > \"$1\"/etc/kernel-img.conf",
        f"--customize-hook=cp {HERE}/setup \"$1\"/tmp/setup",
        "--customize-hook=chroot \"$1\" /tmp/setup",
        "--customize-hook=rm \"$1\"/tmp/setup",
        "trixie", str(part), *sources,
    ]
    if pathlib.Path("/usr/share/mmdebstrap/hooks/eatmydata").is_dir():
        command.insert(1, "--hook-dir=/usr/share/mmdebstrap/hooks/eatmydata")
    with open(log, "w", encoding="utf-8") as out:
        # A session of its own: mmdebstrap cleans its mounts up on SIGINT itself.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait()
        except BaseException:
            os.killpg(child.pid, signal.SIGINT)
            child.wait()
            remove(part)
            raise
    if status != 0 or not (part / "usr/lib/cdm-vm/kernels").exists():
        remove(part)
        raise Failure(f"cannot build the guest tree: {reason(log)} (all of it: {log})")
    (part / "usr/lib/cdm-vm/complete").write_text("", encoding="utf-8")
    remove(root)
    part.rename(root)
    say(f"guest tree built in {time.monotonic() - began:.0f} s")


def check_keyring():
    """Debian 12 knows the keys of Debian 13 since its first update."""
    if not list(pathlib.Path(mirror.KEYRING).parent.glob("debian-archive-trixie-stable.*")):
        raise Failure("debian-archive-keyring is too old to know Debian 13: "
                      "apt-get install debian-archive-keyring from bookworm-updates")


def reason(log):
    """The line of the log that tells a person most."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for start in ("tree: ", "E: Failed to fetch", "Err:", "E: Unable to locate",
                  "E: Package", "E: "):
        for line in lines:
            if line.startswith(start) and "kernels:" not in line:
                return line
    return lines[-1] if lines else "no output"


def drop_old(current):
    trees = [path for path in cache_root().glob("tree-*")
             if path.is_dir() and path != current]
    trees.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in trees[KEPT_TREES - 1:]:
        remove(path)


def remove(path):
    if path.exists():
        # One file system only: never follow a mount that somebody left in there.
        subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=False,
                       stderr=subprocess.DEVNULL)
