#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Put the source of the module where DKMS looks for it. Run by meson install; what
# somebody has built in the tree stays behind.
#
# usage: dkms-source.sh VERSION
set -eu

dest=$MESON_INSTALL_DESTDIR_PREFIX/src/cdm-$1
cd "$(dirname "$0")/.."

if ! grep -q "^PACKAGE_VERSION=\"$1\"\$" kmod/dkms.conf; then
	echo "kmod/dkms.conf is not of version $1" >&2
	exit 1
fi
# An old probe that stayed would be compiled.
rm -rf "$dest"
find kmod include/uapi -type f \( -name '*.[ch]' -o -name Makefile -o -name probe.sh \) \
	! -name '*.mod.c' ! -path kmod/compat/config.h ! -path '*/probes/out/*' |
while read -r file; do
	install -D -m 644 "$file" "$dest/$file"
done
install -m 644 kmod/dkms.conf "$dest/dkms.conf"
