/* SPDX-License-Identifier: GPL-2.0-only */
/* The verbs of cdmctl in the order in which help shows them, one line each. */
VERB(list)
VERB(check)
VERB(online)
VERB(offline)
VERB(set_isolation)
VERB(sync_poison)
VERB(migrate)
VERB(show)
VERB(monitor)
VERB(version)
VERB(help)
