// SPDX-License-Identifier: GPL-2.0-only
/* Control: an unknown name is noticed. */
#include <linux/mm.h>

int cdm_probe(void);
int cdm_probe(void)
{
	return cdm_no_such_function();
}
