#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Inside the guest: what a large region costs that nobody uses yet.
set -euo pipefail

# Without what the kernel keeps of files, as cdmctl itself is read from one.
free_kib() {
	udevadm settle
	sleep 1
	sync
	echo 3 > /proc/sys/vm/drop_caches
	sleep 0.2
	awk '/^MemFree:/ { print $2 }' /proc/meminfo
}

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
create_region decoder0.0
cdmctl offline cdm0 > /dev/null 2>&1 || true
for _ in $(seq "$times"); do
	before=$(free_kib)
	cdmctl list > /dev/null
	start=$(date +%s%N)
	cdmctl online cdm0 --isolation private > /dev/null
	end=$(date +%s%N)
	after=$(free_kib)
	echo "online_time $(((end - start) / 1000)).0 us"
	echo "idle_memory $((before - after)).0 KiB"
	cdmctl offline cdm0 > /dev/null
done
