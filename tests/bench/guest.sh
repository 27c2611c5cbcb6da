#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the guest: the expander is a region of cdm and memory of kmem in turn.
# There is one only, since of several QEMU 11 maps no more than one directly.
set -euo pipefail

# A region of all of the first expander behind a decoder.
create_region() {
	local memdev

	udevadm settle
	memdev=$(cxl list -M -d "$1" | jq -r '.[0].memdev')
	cxl create-region -m -t ram -d "$1" "$memdev" > /dev/null
	udevadm settle
}

times=$1
modprobe cdm
modprobe kmem
create_region decoder0.0
dax=$(cat /sys/bus/cdm/devices/cdm*/dax)
node=$(cat "/sys/bus/dax/devices/$dax/target_node")
echo 0 > /proc/sys/kernel/numa_balancing
echo online_movable > /sys/devices/system/memory/auto_online_blocks

bind() { echo "$dax" > "/sys/bus/dax/drivers/$1/bind"; }
unbind() { echo "$dax" > "/sys/bus/dax/drivers/$1/unbind"; }

set_blocks() {
	local block

	for block in /sys/devices/system/node/node"$node"/memory[0-9]*; do
		[ "$(cat "$block/state")" = "$1" ] || echo "$2" > "$block/state" ||
			{ sleep 1; echo "$2" > "$block/state"; }
	done
}

region() { cat /sys/bus/cdm/devices/cdm*/uevent | sed -n 's/^DEVNAME=cdm//p'; }

# The same memory under one and the other; bench cdm and reserved end with the unbind.
for _ in $(seq "$times"); do
	./bench cdm "$(region)" "$dax"
	bind cdm
	udevadm settle
	cdmctl set-isolation "cdm$(region)" reserved > /dev/null
	./bench reserved "$(region)" "$dax"
	bind kmem
	set_blocks online online_movable
	./bench kmem "$node"
	set_blocks offline offline
	unbind kmem
	bind cdm
	udevadm settle
done
