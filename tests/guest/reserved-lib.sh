# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For tests of level reserved: the kernel's memory blocks, and what the module
# kmod_zonelists sees.
# shellcheck source=tests/guest/kmod-lib.sh
. "$(dirname "$0")/kmod-lib.sh"

memory=/sys/devices/system/memory

# watch_load [PARAMETER]: the module, anew. A test before may have left it.
watch_load() {
	[ ! -e /sys/module/kmod_zonelists ] || rmmod kmod_zonelists
	insmod "$here/$(uname -r)/kmod_zonelists.ko" "$@"
}

watch_nodes() {
	local nid
	for nid in $1; do
		echo "$nid" >/proc/cdm_watch
	done
	echo "reserved nodes: $1"
}

# watch WORD: a number that the module has counted.
watch() { sed -n "s/.*\\b$1 \([0-9]*\).*/\1/p" /proc/cdm_watch; }

check_watch() {
	echo "$1: $(cat /proc/cdm_watch)"
	[ "$(watch looks)" -gt 0 ] || fail "$1: the module does not look"
	expect "$1: found in a fallback list" 0 "$(watch in_lists)"
	expect "$1: found in N_MEMORY" 0 "$(watch in_n_memory)"
}

# The numbers of the memory blocks of a region that there are now.
blocks_of() {
	local size start first last i
	size=$((0x$(cat $memory/block_size_bytes)))
	start=$(($(cat "/sys/bus/dax/devices/$(attr "$1" dax)/resource")))
	first=$((start / size)) last=$(((start + $(attr "$1" size)) / size))
	for ((i = first; i < last; i++)); do
		[ ! -e $memory/memory$i ] || echo $i
	done
}

# A block of RAM that can be taken offline, if there is one.
movable_ram() {
	local path
	for path in $(printf '%s\n' $memory/memory[0-9]* | sort -rV); do
		[ "$(cat "$path/state")" = online ] && [ -e "$path/node0" ] || continue
		if echo offline 2>/dev/null >"$path/state"; then
			echo online >"$path/state"
			echo "$path"
			return
		fi
	done
}

# block_state STATE NUMBER: as root may, by hand.
block_state() { echo "$1" >"$memory/memory$2/state"; }

# nodes_refuse NODES: nobody gets a page of one, and no list leads there.
nodes_refuse() {
	local nid
	for nid in $1; do
		! grep -q "^[0-9]* 0 $nid " /proc/cdm_zonelists ||
			fail "a fallback list names node $nid"
		echo "$nid" >/proc/cdm_alloc
		echo "for a device on node $nid: $(tr '\n' ';' </proc/cdm_alloc)"
		grep -q ': 0$' /proc/cdm_alloc || fail "nobody got a page at all"
		! grep -q ": $nid\$" /proc/cdm_alloc || fail "node $nid gave a page"
		! numactl --membind="$nid" true 2>/dev/null ||
			fail "a program could be bound to node $nid"
		cpuset_refuses "$nid"
	done
}

# A cgroup takes the node's number, but never gives the node.
cpuset_refuses() {
	local group=/sys/fs/cgroup/cdm-test
	echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $group
	if echo "$1" 2>/dev/null >$group/cpuset.mems; then
		! grep -qw "$1" $group/cpuset.mems.effective ||
			fail "a cpuset has node $1: $(cat $group/cpuset.mems.effective)"
	fi
	rmdir $group
}
