# SPDX-License-Identifier: GPL-2.0-only
"""What hardware a run has, and the QEMU command line for it."""

import dataclasses

from .base import Failure, parse_size

MIB, GIB = 1 << 20, 1 << 30
WINDOW_STEP = 256 * MIB         # the granularity of a CXL fixed memory window
CPU = "max,hypervisor=off"      # the kernel commits no CXL region under a hypervisor
# Both the kernel's machine-check-safe copy and copy_page() then are plain loops;
# with rep movs the emulator is measured, not the copy.
BENCH_CPU = CPU + ",erms=off,fsrm=off"
LOW_RAM = 1 * GIB               # RAM below 4 GiB; the rest follows from there on


@dataclasses.dataclass
class Expander:
    name: str
    size: int
    window: int
    serial: int
    present: bool
    plugs: int = 0              # QEMU never frees a backend: each plug has its own

    @property
    def port(self):
        return f"port-{self.name}"

    def backend(self, folder, bench):
        """A fresh memory backend on the same file: what was written stays there."""
        self.plugs += 1
        return {"qom-type": "memory-backend-file", "id": f"{self.name}-mem{self.plugs}",
                "size": self.size, "mem-path": f"{folder}/{self.name}", "share": True,
                "prealloc": bench}

    def device(self):
        return {"driver": "cxl-type3", "id": self.name, "bus": self.port,
                "volatile-memdev": f"{self.name}-mem{self.plugs}", "sn": self.serial}


def expanders(specs, absent):
    """SIZE or SIZE@WINDOW, e.g. 512M@1, in the order of exp0, exp1, ..."""
    found = []
    for number, spec in enumerate(specs):
        size, _, window = spec.partition("@")
        if window and window not in ("0", "1", "2", "3"):
            raise Failure(f"--expander {spec}: the window is a number from 0 to 3")
        value = parse_size(size)
        if value % WINDOW_STEP:
            raise Failure(f"--expander {spec}: the size is a multiple of 256M")
        found.append(Expander(f"exp{number}", value, int(window or 0),
                              0xcd0000 + number, not absent))
    return found


def windows(found):
    """{window: bytes}: each as large as what can be behind it."""
    sizes = {}
    for one in found:
        sizes[one.window] = sizes.get(one.window, 0) + one.size
    return dict(sorted(sizes.items()))


def option(values):
    """A dictionary as QEMU's -object and -device write it."""
    def text(value):
        return {True: "on", False: "off"}.get(value, str(value)) \
            if isinstance(value, bool) else str(value)
    values = dict(values)
    first = values.pop("qom-type", None) or values.pop("driver")
    return ",".join([first, *(f"{key}={text(value)}" for key, value in values.items())])


@dataclasses.dataclass
class Machine:
    kernel: str                 # paths as QEMU sees them
    initrd: str
    disk: str
    layer: str
    console: str
    memory: str                 # the folder of the expanders' files
    ram: int = 2 * GIB
    cpus: int = 2
    cpu: str = CPU
    bench: bool = False
    append: tuple = ()
    soft_reserved: tuple = ()
    iommu: bool = False
    expanders: tuple = ()

    def kernel_line(self):
        words = ["console=ttyS0", "root=none", "panic=-1", "oops=panic",
                 "systemd.show_status=0", "systemd.log_target=journal", "rw",
                 "sysrq_always_enabled",
                 # a busy host is no broken clock
                 "tsc=reliable"]
        start = 4 * GIB + self.ram - LOW_RAM
        for size in self.soft_reserved:
            words.append(f"memmap={size}%{start}-1+0xefffffff")
            start += size
        if self.iommu:
            words.append("intel_iommu=on")
        return " ".join([*words, *self.append])

    def argv(self, channels):
        """CHANNELS is {name: file descriptor} of connected sockets."""
        if self.ram % (128 * MIB) or self.ram < LOW_RAM + 256 * MIB:
            raise Failure("--ram: at least 1280M, and a multiple of 128M")
        line = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-accel", "tcg,thread=multi,tb-size=512",
                "-cpu", self.cpu, "-smp", str(self.cpus),
                "-kernel", self.kernel, "-initrd", self.initrd,
                "-append", self.kernel_line(),
                "-drive", f"if=none,id=disk,format=raw,readonly=on,file={self.disk}",
                "-device", "virtio-blk-pci,bus=pcie.0,drive=disk",
                "-drive", f"if=none,id=layer,format=raw,readonly=on,file={self.layer}",
                "-device", "virtio-blk-pci,bus=pcie.0,drive=layer",
                "-device", "virtio-rng-pci,bus=pcie.0",
                # A socket, to send it a break; the log is what is kept.
                "-chardev", f"socket,id=console,fd={channels['console']},"
                            f"logfile={self.console}",
                "-serial", "chardev:console"]
        if self.iommu:
            line += ["-device", "intel-iommu", "-device", "edu,bus=pcie.0"]
        machine = ["q35", f"max-ram-below-4g={LOW_RAM}"]
        line += self.ram_options()
        if self.expanders:
            machine.append("cxl=on")
            line += self.cxl_options(machine)
        line += ["-machine", ",".join(machine)]
        line += ["-chardev", f"socket,id=qmp,fd={channels['qmp']}",
                 "-object", "monitor-qmp,id=monitor,chardev=qmp",
                 "-device", "virtio-serial-pci,bus=pcie.0,max_ports=8"]
        for number, name in enumerate(("control", "out", "err", "hw"), 1):
            line += ["-chardev", f"socket,id={name},fd={channels[name]}",
                     "-device", f"virtserialport,nr={number},chardev={name},name=cdm.{name}"]
        if "tty" in channels:
            line += ["-chardev", f"socket,id=tty,fd={channels['tty']}",
                     "-device", "virtconsole,nr=6,chardev=tty"]
        return line

    def ram_options(self):
        """One node with all processors; soft-reserved memory is a node each, as
        firmware describes memory that is not the processor's own."""
        total = self.ram + sum(self.soft_reserved)
        line = ["-m", f"{total // MIB}M",
                "-object", f"memory-backend-ram,id=ram0,size={self.ram}",
                "-numa", "node,nodeid=0,cpus=0-%d,memdev=ram0" % (self.cpus - 1)]
        for number, size in enumerate(self.soft_reserved, 1):
            backend = {"qom-type": "memory-backend-ram", "id": f"ram{number}",
                       "size": size, "prealloc": self.bench}
            line += ["-object", option(backend),
                     "-numa", f"node,nodeid={number},memdev=ram{number}"]
        return line

    def cxl_options(self, machine):
        line = []
        sizes = windows(self.expanders)
        for number, (window, size) in enumerate(sizes.items()):
            machine += [f"cxl-fmw.{number}.targets.0=bridge{window}",
                        f"cxl-fmw.{number}.size={size}"]
            line += ["-device", f"pxb-cxl,bus_nr={0x20 + 0x20 * window},bus=pcie.0,"
                                f"id=bridge{window}"]
        for number, one in enumerate(self.expanders):
            line += ["-device", f"cxl-rp,id={one.port},bus=bridge{one.window},"
                                f"port={number},chassis={one.window + 1},slot={number + 2}"]
            if one.present:
                line += ["-object", option(one.backend(self.memory, self.bench)),
                         "-device", option(one.device())]
        return line
