/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What somebody holds by hand. The unit that applies the policy to a new region
 * runs a moment after the region appears; by then somebody may have taken it
 * offline, and it should stay so. A mark in /run/cdm/held tells; the udev rules
 * take it away with the device.
 *
 * While it is being taken offline its mark is an empty file that is locked: should
 * we be killed, the lock goes, and the mark counts no more.
 */
#ifndef CDMCTL_HELD_H
#define CDMCTL_HELD_H

#include <stdbool.h>

/**
 * held_set() - mark it, or take the mark away
 * @name: a region or an expander; NULL: nothing happens
 * @held: is it held?
 */
void held_set(const char *name, bool held);

/**
 * held_begin() - it is about to be held
 * @name: a region or an expander; NULL: nothing happens
 *
 * Until held_end(), or our end, held_is() is true of it for everybody. One that
 * is held already stays so. There can be one at a time.
 */
void held_begin(const char *name);

/**
 * held_end() - it is held, or as before
 * @done: it is held now; a mark that went with its device meanwhile does not come
 *	back
 */
void held_end(bool done);

/** held_is() - is there a mark for @name? NULL: no */
bool held_is(const char *name);

#endif /* CDMCTL_HELD_H */
