// SPDX-License-Identifier: LGPL-2.1-or-later
/* The kernel module cdm, and others that the way to a dax device needs. */
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/utsname.h>

#include <libkmod.h>

#include "module.h"

bool cdm_module_is_loaded(struct cdm_ctx *ctx)
{
	return cdm_exists(ctx, "/sys/module/cdm");
}

/* As modprobe does: aliases, softdeps, install commands aside, blacklist kept. */
static int module_insert(struct kmod_ctx *kmod, const char *name)
{
	struct kmod_list *list = NULL, *item;
	int rc = kmod_module_new_from_lookup(kmod, name, &list);

	if (rc < 0)
		return rc;
	if (!list)
		return -ENOENT;
	kmod_list_foreach(item, list) {
		struct kmod_module *module = kmod_module_get_module(item);

		rc = kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY,
						     NULL, NULL, NULL, NULL);
		kmod_module_unref(module);
		if (rc < 0)
			break;
	}
	kmod_module_unref_list(list);
	return rc > 0 ? -ENOENT : rc;
}

int cdm_modules_try(struct cdm_ctx *ctx, const char *const *names)
{
	struct kmod_ctx *kmod;
	int rc, worst = 0;

	if (ctx->root[0])
		return -EPERM;
	kmod = kmod_new(NULL, NULL);
	if (!kmod)
		return -ENOMEM;
	kmod_set_log_priority(kmod, LOG_CRIT);
	for (; *names; names++) {
		rc = module_insert(kmod, *names);
		if (rc < 0) {
			cdm_dbg(ctx, "load %s: %s", *names, strerror(-rc));
			worst = rc;
		}
	}
	kmod_unref(kmod);
	return worst;
}

/* Without being root: is there a module file for the running kernel? */
bool cdm_module_is_installed(struct cdm_ctx *ctx)
{
	struct kmod_list *list = NULL;
	struct kmod_ctx *kmod;
	bool found;

	if (ctx->root[0])
		return cdm_module_is_loaded(ctx);
	kmod = kmod_new(NULL, NULL);
	if (!kmod)
		return false;
	kmod_set_log_priority(kmod, LOG_CRIT);
	found = !kmod_module_new_from_lookup(kmod, "cdm", &list) && list;
	kmod_module_unref_list(list);
	kmod_unref(kmod);
	return found;
}

static bool kmem_is_idle(struct cdm_ctx *ctx)
{
	struct cdm_names names;
	bool idle;

	if (!cdm_exists(ctx, "/sys/module/kmem") ||
	    cdm_scan(ctx, &names, "dax", "/sys/bus/dax/drivers/kmem"))
		return false;
	idle = !names.nr;
	cdm_names_free(&names);
	return idle;
}

/*
 * The dax bus asks its drivers in the order in which they came: a kmem that was
 * there before cdm gets every new device first, and makes System RAM of it. One
 * that has nothing can go; it comes back by itself, behind cdm, when a device
 * appears. softdep does the same where nothing has been loaded yet.
 */
static void kmem_step_aside(struct cdm_ctx *ctx)
{
	struct kmod_module *module;
	struct kmod_ctx *kmod;
	int rc;

	if (ctx->root[0] || !kmem_is_idle(ctx))
		return;
	kmod = kmod_new(NULL, NULL);
	if (!kmod)
		return;
	kmod_set_log_priority(kmod, LOG_CRIT);
	rc = kmod_module_new_from_name(kmod, "kmem", &module);
	if (!rc) {
		rc = kmod_module_remove_module(module, 0);
		kmod_module_unref(module);
	}
	if (rc < 0)
		cdm_dbg(ctx, "unload kmem, so that cdm is asked first: %s", strerror(-rc));
	kmod_unref(kmod);
}

int cdm_module_load(struct cdm_ctx *ctx)
{
	static const char *const names[] = { "cdm", NULL };
	struct utsname uts;
	int rc;

	if (cdm_module_is_loaded(ctx))
		return CDM_ALREADY;
	kmem_step_aside(ctx);
	rc = cdm_modules_try(ctx, names);
	if (!rc)
		return 0;
	uname(&uts);
	/* the kernel says so of a module whose symbols it has not got */
	if (rc == -ENOENT && cdm_module_is_installed(ctx))
		rc = -ENOEXEC;
	switch (-rc) {
	case ENOENT:
		return cdm_fail(ctx, ENOENT, "load module cdm: it is not installed for kernel %s; "
				"install cdm-dkms, or see 'dkms status'", uts.release);
	case EPERM:
	case EACCES:
		return cdm_fail(ctx, EPERM, "load module cdm: permission denied; be root");
	case EKEYREJECTED:
	case ENOKEY:
		return cdm_fail(ctx, EKEYREJECTED, "load module cdm: it is not signed with a key "
				"that this machine trusts (Secure Boot); enroll the DKMS key with "
				"'mokutil --import'");
	case ENOEXEC:
		return cdm_fail(ctx, ENOEXEC, "load module cdm: it was built for another kernel "
				"than %s; run 'dkms autoinstall'", uts.release);
	default:
		return cdm_fail(ctx, -rc, "load module cdm: %s; the kernel log may say more",
				strerror(-rc));
	}
}

int cdm_module_read_version(struct cdm_ctx *ctx, char *buf, size_t size)
{
	int rc = cdm_read_file(ctx, buf, size, "/sys/module/cdm/version");

	if (rc == -ENOENT)
		return cdm_fail(ctx, ENOENT, "version of module cdm: %s",
				cdm_module_is_loaded(ctx) ? "it has none" : "it is not loaded");
	return rc;
}

int cdm_module_read_claim(struct cdm_ctx *ctx)
{
	char text[CDM_NAME_MAX];
	int rc = cdm_read_file(ctx, text, sizeof(text), "/sys/module/cdm/parameters/claim");

	if (rc < 0)
		return cdm_fail(ctx, -rc, "parameter claim of module cdm: %s",
				rc == -ENOENT ? "it is not loaded" : strerror(-rc));
	return text[0] == 'Y' || text[0] == '1';
}
