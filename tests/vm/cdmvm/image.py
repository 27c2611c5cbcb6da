# SPDX-License-Identifier: GPL-2.0-only
"""The guest's read-only root disk and its initramfs, made once per tree."""

import hashlib
import pathlib
import stat
import subprocess

from .base import Failure, cache_root, locked, say

GUEST = pathlib.Path(__file__).resolve().parent.parent / "rootfs"

# Needed to find the root disk; everything else is loaded by udev, as anywhere.
# (crc32c_generic: the older kernels' erofs asks for it by a soft dependency.)
BOOT_MODULES = ("virtio_pci", "virtio_blk", "erofs", "overlay")
IF_THERE = ("crc32c_generic",)

# Compilers and QEMU serve the build by chroot; a guest has no use for them.
NOT_IN_GUEST = (
    r"usr/src/.*", r"usr/lib/gcc/.*", r"usr/libexec/gcc/.*", r"usr/include/.*",
    r"usr/bin/qemu-.*", r"usr/share/qemu/.*", r"usr/lib/x86_64-linux-gnu/qemu/.*",
    r"usr/bin/clang.*", r"usr/lib/llvm-.*/include/.*", r"usr/lib/dracut/.*",
    r"usr/lib/x86_64-linux-gnu/.*\.a", r"usr/bin/x86_64-linux-gnu-.*",
    r"boot/.*", r"var/cache/.*", r"var/lib/dpkg/info/.*", r"tmp/.*", r"mnt/.*",
    r"proc/.*", r"dev/.*", r"sys/.*",
)


def disk(tree):
    """The path of the root disk of TREE."""
    recipe = hashlib.sha256(repr(NOT_IN_GUEST).encode()).hexdigest()[:8]
    path = cache_root() / f"image-{tree.root.name}-{recipe}.erofs"
    if path.exists():
        return path
    with locked(cache_root() / "image.lock"):
        if path.exists():
            return path
        say("making the guest's disk")
        for old in cache_root().glob("image-*.erofs*"):
            if not (cache_root() / old.name[len("image-"):].rsplit("-", 1)[0]).exists():
                old.unlink()
        part = path.with_name(path.name + ".part")
        part.unlink(missing_ok=True)
        excludes = [f"--exclude-regex=^/?{regex}$" for regex in NOT_IN_GUEST]
        result = tree.run(["mkfs.erofs", "--quiet", "-x-1", "-Enoinline_data",
                           *excludes, f"/mnt/out/{part.name}", "/mnt/tree"],
                          binds=[(path.parent, "/mnt/out"), (tree.root, "/mnt/tree")],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if result.returncode != 0:
            part.unlink(missing_ok=True)
            raise Failure("mkfs.erofs failed: " + result.stdout.strip().replace("\n", "; "))
        part.rename(path)
    return path


def module_files(kernel, names):
    """The files of kernel modules and all they need, in the order to load them."""
    base = kernel.modules
    needs, by_name = {}, {}
    for line in (base / "modules.dep").read_text(encoding="utf-8").splitlines():
        path, deps = line.split(":", 1)
        needs[path] = deps.split()
        by_name[pathlib.Path(path).name.split(".")[0].replace("-", "_")] = path
    built_in = (base / "modules.builtin").read_text(encoding="utf-8")
    ordered = []
    for name in names:
        if name not in by_name:
            if name in IF_THERE or f"/{name}.ko" in built_in.replace("-", "_"):
                continue
            raise Failure(f"kernel {kernel.version} has no module {name}")
        path = by_name[name]
        for one in [*reversed(needs[path]), path]:
            if one not in ordered:
                ordered.append(one)
    return [base / path for path in ordered]


def initramfs(tree, kernel):
    """The path of the initramfs for one kernel."""
    script = (GUEST / "init").read_bytes()
    recipe = hashlib.sha256(script + repr(BOOT_MODULES + IF_THERE).encode()).hexdigest()[:8]
    path = cache_root() / f"initramfs-{tree.root.name}-{kernel.version}-{recipe}.cpio"
    if path.exists():
        return path
    archive = Cpio()
    for folder in ("bin", "dev", "proc", "sys", "modules", "lower", "rw", "new"):
        archive.folder(folder)
    archive.file("bin/busybox", (tree.root / "usr/bin/busybox").read_bytes(), 0o755)
    archive.file("init", script, 0o755)
    order = []
    for module in module_files(kernel, IF_THERE + BOOT_MODULES):
        plain = module.name.split(".ko")[0] + ".ko"
        archive.file(f"modules/{plain}", unpacked(tree, module), 0o644)
        order.append(plain)
    archive.file("modules/order", "".join(f"{name}\n" for name in order).encode(), 0o644)
    part = path.with_name(path.name + ".part")
    part.write_bytes(archive.finish())
    part.rename(path)
    return path


def unpacked(tree, path):
    tools = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}
    if path.suffix not in tools:
        return path.read_bytes()
    inside = "/" + str(path.relative_to(tree.root))
    result = tree.run([tools[path.suffix], "-dc", inside], stdout=subprocess.PIPE)
    if result.returncode != 0:
        raise Failure(f"cannot unpack {path}")
    return result.stdout


class Cpio:
    """A cpio archive in the kernel's format, everything owned by root."""

    def __init__(self):
        self.parts = []
        self.count = 0

    def add(self, name, mode, data=b""):
        self.count += 1
        encoded = name.encode() + b"\0"
        fields = (self.count, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self.parts += [pad(header + encoded), pad(data)]

    def folder(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode):
        self.add(name, stat.S_IFREG | mode, data)

    def finish(self):
        self.add("TRAILER!!!", 0)
        return b"".join(self.parts)


def pad(data):
    return data + b"\0" * (-len(data) % 4)
