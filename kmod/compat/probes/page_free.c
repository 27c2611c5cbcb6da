// SPDX-License-Identifier: GPL-2.0-only
#include <linux/memremap.h>

extern const struct dev_pagemap_ops cdm_probe;
const struct dev_pagemap_ops cdm_probe = { .page_free = NULL };
