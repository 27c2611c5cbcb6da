# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the tests of the module: regions out of what the guest has, and back.
# Sourced by scripts, and by the C programs through cdmtest's shell().
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/lib.sh"

regions=/sys/bus/cdm/devices

attr() { cat "$regions/cdm$1/$2"; }

# used REGION: pages in use
used() { echo $(($(attr "$1" used) / 4096)); }

# unused REGION: a freed page may wait in a batch of some processor for a while.
unused() { [ "$(attr "$1" used)" = 0 ]; }

# The region of a dax device, by its number.
region_of_dax() {
	local path
	path=$(compgen -G "/sys/bus/dax/devices/$1/cdm*") || return 1
	echo "${path##*/cdm}"
}

# take_dax DAX: a dax device goes to cdm, whoever has it. It is on the bus a moment
# before the kernel has found it a driver, so another may still be faster.
take_dax() {
	local dax=$1 driver
	driver=$(driver_of "$dax" || true)
	if [ -n "$driver" ] && [ "$driver" != cdm ]; then
		echo "$dax" >"/sys/bus/dax/drivers/$driver/unbind"
		# With the id known a free device is bound at once.
		echo "$dax" >/sys/bus/dax/drivers/cdm/new_id
	fi
	[ "$(driver_of "$dax" || true)" = cdm ] ||
		echo "$dax" >/sys/bus/dax/drivers/cdm/bind
	[ "$(driver_of "$dax")" = cdm ]
}

# region_hold CARD: the dax device of card expN, held by cdm; prints its region.
region_hold() {
	local dax
	dax=$(make_dax "$1")
	wait_until 5 "cdm does not get $dax" take_dax "$dax"
	region_wait "$dax"
}

# region_wait DAX: a device has its driver, and its region has a folder in sysfs, a
# moment before the region has its node. Prints the region.
region_wait() {
	wait_until 5 "cdm has no region of $1" has_node "$1"
	region_of_dax "$1"
}

has_node() { test -c "/dev/cdm$(region_of_dax "$1")"; }

# no_policy: the unit that takes what is new into use would give a region its own level
# before the test gives it another, or take one into use that the test holds for a
# moment. This is "systemctl mask", without the seconds that a reload of all units takes:
# systemd looks when it comes across the unit. What puts the guest back ends it.
no_policy() { ln -sf /dev/null /run/systemd/system/cdm-online@.service; }

# regions_up N [LEVEL]: cards exp0 to exp(N-1) are regions, online at level private
# or another.
# Which region is which card does not matter to those that ask for several.
regions_up() {
	local i id
	no_policy
	# If kmem came first it would get what appears.
	modprobe -r kmem || fail "kmem is in use"
	modprobe cdm
	for ((i = 0; i < $1; i++)); do
		id=$(region_hold "exp$i")
		"$here/kmod-region" online "$id" "${2:-private}"
	done
	udevadm settle
}

# regions_down: no page is in use, and the module goes.
regions_down() {
	local path began took
	for path in "$regions"/cdm*; do
		[ -e "$path" ] || continue
		wait_until 15 "pages of ${path##*/} are in use at the end" unused "${path##*/cdm}"
		echo "${path##*/}: no page is in use at the end"
	done
	began=${EPOCHREALTIME/./}
	unload
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	[ ! -e /sys/module/cdm ] || fail "cdm is still there"
	echo "unloaded in $took ms"
}

# unload: the unit that remembers bad pages may have it open for a moment. Pages that
# do not come back would hold it for ever.
unload() {
	timeout 120 modprobe -r --wait 60000 cdm || fail "cdm cannot be unloaded"
}

# A program that works on memory of its own: workload_start NAME MIB [THREADS],
# then workload NAME COMMAND... prints its answer. See kmod-workload.c.
declare -A workload_in workload_out workload_pid
workload_start() {
	local name=$1 in out in_fd out_fd
	shift
	in=$(mktemp -u) out=$(mktemp -u)
	mkfifo "$in" "$out"
	"$here/kmod-workload" "$@" <"$in" >"$out" &
	workload_pid[$name]=$!
	exec {in_fd}>"$in" {out_fd}<"$out"
	workload_in[$name]=$in_fd workload_out[$name]=$out_fd
	rm "$in" "$out"
	workload "$name" hello
}

workload() {
	local name=$1 answer
	shift
	echo "$*" >&"${workload_in[$name]}"
	IFS= read -r -t 240 answer <&"${workload_out[$name]}" ||
		fail "workload $name says nothing to '$*'"
	echo "$answer"
}

# The content was right all the time, and the program ends by itself.
workload_end() {
	local name=$1 in_fd=${workload_in[$1]} out_fd=${workload_out[$1]}
	expect "workload $name" "right" "$(workload "$name" quit)"
	wait "${workload_pid[$name]}" || fail "workload $name ended with $?"
	exec {in_fd}>&- {out_fd}<&-
}

# swap_on SIZE, swap_off: compressed memory as swap.
swap_on() {
	modprobe zram
	echo "$1" >/sys/block/zram0/disksize
	mkswap /dev/zram0 >/dev/null
	swapon /dev/zram0
}

swap_off() {
	swapoff /dev/zram0
	# udev looks at what is no swap any more.
	wait_until 10 "zram0 is busy" eval 'echo 1 >/sys/block/zram0/reset'
}

# no_memory_blocks REGION: no memory block that the allocator could use, and no
# System RAM, lies in the range of the region's dax device.
no_memory_blocks() {
	local dax start end
	dax=$(attr "$1" dax)
	start=$(($(cat "/sys/bus/dax/devices/$dax/resource")))
	end=$((start + $(cat "/sys/bus/dax/devices/$dax/size")))
	no_memory_blocks_in "$start" "$end"
}

no_memory_blocks_in() {
	local start=$1 end=$2 size path index from to name
	size=$((0x$(cat /sys/devices/system/memory/block_size_bytes)))
	for path in /sys/devices/system/memory/memory[0-9]*; do
		index=${path##*/memory}
		[ $((index * size)) -lt "$end" ] && [ $(((index + 1) * size)) -gt "$start" ] &&
			fail "memory block $index is in the range of the expander"
	done
	while IFS=' -:' read -r from to name; do
		[[ $name == *"System RAM"* ]] || continue
		[ $((0x$from)) -lt "$end" ] && [ $((0x$to)) -ge "$start" ] &&
			fail "System RAM at $from-$to is in the range of the expander"
	done </proc/iomem
	return 0
}

# slot_off CARD: takes a card out by cutting the power of its slot from here,
# which is as orderly as the attention button and takes no five seconds.
slot_off() {
	local pci slot
	pci=$(basename "$(readlink -f "/sys/bus/cxl/devices/$(memdev_of "$1")/..")")
	slot=$(grep -l "^${pci%.*}$" /sys/bus/pci/slots/*/address | head -n 1)
	[ -n "$slot" ] || fail "no slot has $pci"
	hw unplug --no-wait "$1"
	# If the five seconds are over already it is going.
	echo 0 >"${slot%/address}/power" || true
	wait_until 20 "$1 does not go" eval "hw list | grep -q '$1 absent'"
}

# plug CARD: puts it in, and waits until the kernel knows it.
plug() {
	hw plug "$1"
	wait_until 10 "$1 has no memdev" has_memdev "$1"
}

# monitor_start FILE OPTIONS...: writes the kernel's events of subsystem cdm to FILE, and
# hears them by now. Sets $monitor.
monitor_start() {
	local file=$1
	shift
	udevadm monitor --kernel "$@" --subsystem-match=cdm >"$file" &
	# shellcheck disable=SC2034 # for the test
	monitor=$!
	wait_until 30 "the monitor sees no event" monitor_hears "$file"
}

monitor_hears() {
	echo change >"$regions/cdm0/uevent"
	grep -q '^KERNEL\[.* change .*/cdm0 ' "$1"
}
