/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What somebody holds by hand. The unit that applies the policy to a new region
 * runs a moment after the region appears; by then somebody may have taken it
 * offline, and it should stay so. A mark in /run/cdm/held tells; the udev rules
 * take it away with the device.
 */
#ifndef CDMCTL_HELD_H
#define CDMCTL_HELD_H

#include <stdbool.h>

/**
 * held_set() - mark it, or take the mark away
 * @name: a region or an expander; NULL: nothing happens
 * @held: is it held? After a failure, what held_is() said before
 */
void held_set(const char *name, bool held);

/** held_is() - is there a mark for @name? NULL: no */
bool held_is(const char *name);

#endif /* CDMCTL_HELD_H */
