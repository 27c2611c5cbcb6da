#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Find out which interfaces the kernel offers, by compiling probes/*.c through
# its Kbuild, and write the answers as CDM_HAVE_X to a header.
#
# usage: probe.sh KDIR OUTPUT [MAKE-ARGUMENT...]
set -eu

kdir=$1
output=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	echo "cdm: $*" >&2
	echo "cdm: the compiler said:" >&2
	grep -E 'error|Error' "$work/log" | head -n 20 >&2
	exit 1
}

cp "$here"/probes/*.c "$work"
objects=$(cd "$work" && for f in *.c; do printf '%s.o ' "${f%.c}"; done)
cat > "$work/Makefile" <<EOF
obj-m := cdm_probes.o
cdm_probes-y := $objects
ccflags-y := -Werror
EOF

# The link must fail (must_fail.c has no object); only the objects count.
make -k -C "$kdir" M="$work" MO= KBUILD_MODPOST_WARN=1 "$@" modules \
	> "$work/log" 2>&1 || true

has() { [ -e "$work/$1.o" ]; }

has must_pass || fail "cannot compile for the kernel in $kdir"
! has must_fail || fail "probing does not notice what is missing in $kdir"

one_of() {
	for name; do has "$name" && return; done
	fail "none of the interfaces known as '$*' is in $kdir"
}

one_of folio_free page_free
one_of zone_device_page_init_order zone_device_page_init
one_of folio_maybe_mapped_shared folio_likely_mapped_shared page_mapcount
one_of softleaf pte_to_swp_entry
one_of folio_batch_release pagevec_release
one_of node_notifier memory_notify_nid
one_of kswapd_failures_atomic kswapd_failures

{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* Made by compat/probe.sh. */"
	for f in "$work"/*.c; do
		name=$(basename "$f" .c)
		case $name in
		must_*|*.mod) continue ;;
		esac
		macro=$(echo "$name" | tr '[:lower:]' '[:upper:]')
		if has "$name"; then value=1; else value=0; fi
		echo "#define CDM_HAVE_$macro $value"
	done
} > "$output.tmp"
mv "$output.tmp" "$output"
