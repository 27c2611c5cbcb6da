// SPDX-License-Identifier: GPL-2.0-only
/* Ctrl-C and SIGTERM while something long runs. */
#include <signal.h>
#include <string.h>

#include "cancel.h"

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	(void)number;
	asked = 1;
}

void cancel_catch(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	/* No SA_RESTART: an ioctl that sleeps has to come back. The handler
	 * goes after one use, so that the second signal kills as usual. */
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool cancel_asked(void)
{
	return asked;
}
