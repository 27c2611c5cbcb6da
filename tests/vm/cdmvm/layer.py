# SPDX-License-Identifier: GPL-2.0-only
"""The files of one run: cdm installed, the harness's own, and what --copy names.
A tar archive that the guest's init unpacks over the read-only disk."""

import io
import os
import pathlib
import shlex
import shutil
import tarfile

from .base import Failure

GUEST = pathlib.Path(__file__).resolve().parent.parent / "rootfs"

# Units that a guest of a few minutes has no use for. udev, journald and module
# loading stay as the distribution has them: they are part of what is tried.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
    "fstrim.timer", "e2scrub_all.timer", "man-db.timer", "logrotate.timer",
    "systemd-networkd.service", "systemd-networkd-wait-online.service",
    "systemd-resolved.service", "systemd-timesyncd.service", "ndctl-monitor.service",
    "systemd-pcrlock-make-policy.service", "systemd-boot-random-seed.service",
    "systemd-firstboot.service", "systemd-update-done.service", "ldconfig.service",
    "systemd-journal-catalog-update.service", "systemd-hwdb-update.service",
    "getty@tty1.service", "getty.target", "serial-getty@ttyS0.service",
    "systemd-journal-flush.service", "systemd-random-seed.service",
    "keyboard-setup.service", "console-setup.service", "dkms.service",
    "dev-hugepages.mount.disabled", "e2scrub_reap.service",
    # each of them takes seconds under a debug kernel; who needs one loads it
    "modprobe@configfs.service", "modprobe@drm.service", "modprobe@efi_pstore.service",
    "modprobe@fuse.service",
)


class Layer:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.GNU_FORMAT)
        self.folders = set()

    def parents(self, name):
        parts = pathlib.PurePosixPath(name).parts[:-1]
        for end in range(1, len(parts) + 1):
            folder = "/".join(parts[:end])
            if folder not in self.folders:
                self.folders.add(folder)
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                if folder == "root":
                    info.mode = 0o700
                self.tar.addfile(info)

    def put(self, name, data, mode=0o644):
        self.parents(name)
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(data), mode
        self.tar.addfile(info, io.BytesIO(data))

    def link(self, name, target):
        self.parents(name)
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self.tar.addfile(info)

    def copy(self, name, path):
        """A file, a link or a whole folder of the host, owned by root."""
        self.parents(name)

        def rooted(info):
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            return info
        self.tar.add(path, arcname=name, filter=rooted)

    def close(self):
        self.tar.close()


def usr_merged(name):
    """Debian's /bin, /sbin and /lib are links; a tar must not replace them."""
    top = name.split("/", 1)[0]
    return f"usr/{name}" if top in ("bin", "sbin", "lib", "lib64") else name


def write(path, files, command, copies, interactive):
    """Writes the layer of a run to PATH. FILES is {guest path: host path}, COMMAND
    the argv to run, COPIES host paths that go to the guest's /root."""
    layer = Layer(path)
    for name, source in sorted(files.items()):
        layer.copy(usr_merged(name), source)
    for source in sorted(GUEST.rglob("*")):
        name = str(source.relative_to(GUEST))
        if source.is_file() and name != "init":
            layer.copy(name, source)
    wants = "etc/systemd/system/multi-user.target.wants"
    unit = "cdm-vm-shell.service" if interactive else "cdm-vm.service"
    layer.link(f"{wants}/{unit}", f"/usr/lib/systemd/system/{unit}")
    for masked in MASKED:
        layer.link(f"etc/systemd/system/{masked}", "/dev/null")
    layer.put("etc/hostname", b"cdm-guest\n")
    layer.put("etc/fstab", b"")
    layer.put("usr/lib/cdm-vm/command", (command_line(command) + "\n").encode())
    layer.put("root/.hushlogin", b"")
    if interactive:
        columns, rows = shutil.get_terminal_size()
        layer.put("usr/lib/cdm-vm/terminal", (
            f"ROWS={rows} COLUMNS={columns} "
            f"TERM={shlex.quote(os.environ.get('TERM', 'linux'))}\n").encode())
    for source in copies:
        source = pathlib.Path(source)
        if not source.exists():
            raise Failure(f"--copy {source}: no such file")
        layer.copy(f"root/{os.path.basename(os.path.abspath(source))}", source)
    layer.close()


def command_line(command):
    """As ssh does it: one word with blanks in it is a shell's line."""
    if len(command) == 1:
        return command[0]
    return shlex.join(command)
