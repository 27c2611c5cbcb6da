// SPDX-License-Identifier: GPL-2.0-only
/* Signals that end a command, while something long runs. */
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "cancel.h"

static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	(void)number;
	asked = 1;
}

static void catch(int number)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	/* No SA_RESTART: an ioctl that sleeps has to come back. The handler
	 * goes after one use, so that the second signal kills as usual. */
	action.sa_flags = (int)SA_RESETHAND;
	sigaction(number, &action, NULL);
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return !sigaction(number, NULL, &action) && action.sa_handler == SIG_IGN;
}

void cancel_catch(void)
{
	catch(SIGINT);
	catch(SIGTERM);
	/* the terminal went; but who said nohup wants us to go on */
	if (!is_ignored(SIGHUP))
		catch(SIGHUP);
}

void cancel_not_by_readers(void)
{
	signal(SIGPIPE, SIG_IGN);
}

bool cancel_asked(void)
{
	return asked;
}
