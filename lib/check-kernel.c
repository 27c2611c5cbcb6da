// SPDX-License-Identifier: LGPL-2.1-or-later
/* Findings about the kernel, its modules and our rights. */
#include <string.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <libkmod.h>

#include "check.h"
#include "module.h"

void cdm_check_privileges(struct cdm_ctx *ctx, struct cdm_check *check)
{
	(void)ctx;
	if (geteuid())
		cdm_check_add(check, CDM_SEVERITY_INFO, "unprivileged", "run it as root",
			      "not root: some things could not be looked at");
}

/* "none [integrity] confidentiality": the word in brackets is in force. */
static bool is_locked_down(struct cdm_ctx *ctx)
{
	char text[CDM_NAME_MAX];

	return cdm_read_file(ctx, text, sizeof(text), "/sys/kernel/security/lockdown") > 0 &&
	       !strstr(text, "[none]");
}

void cdm_check_module(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct utsname uts;

	uname(&uts);
	if (cdm_module_is_loaded(ctx)) {
		if (!cdm_module_read_claim(ctx))
			cdm_check_add(check, CDM_SEVERITY_WARNING, "claim-off",
				      "take claim=N out of /etc/modprobe.d and load the "
				      "module again",
				      "the module does not claim new expanders (claim=N): "
				      "they become ordinary memory");
		return;
	}
	if (!cdm_module_is_installed(ctx)) {
		cdm_check_add(check, CDM_SEVERITY_ERROR, "module-missing",
			      "install cdm-dkms and the headers of this kernel; "
			      "'dkms status' shows what was built",
			      "there is no module cdm for kernel %s", uts.release);
		return;
	}
	cdm_check_add(check, CDM_SEVERITY_WARNING, "module-not-loaded", "modprobe cdm",
		      "module cdm is not loaded: a new expander becomes ordinary memory");
	if (is_locked_down(ctx))
		cdm_check_add(check, CDM_SEVERITY_WARNING, "lockdown",
			      "sign the module: enroll the DKMS key with 'mokutil --import'",
			      "the kernel is locked down (Secure Boot) and loads signed "
			      "modules only");
}

static const struct option {
	const char *name;
	enum cdm_severity severity;
	const char *what;
} options[] = {
	{ "CONFIG_ZONE_DEVICE", CDM_SEVERITY_ERROR, "no memory of devices" },
	{ "CONFIG_MIGRATION", CDM_SEVERITY_ERROR, "no moving of pages" },
	{ "CONFIG_DEV_DAX", CDM_SEVERITY_ERROR, "no dax devices" },
	{ "CONFIG_MEMORY_FAILURE", CDM_SEVERITY_WARNING,
		"a bad page of the device is not retired" },
	{ "CONFIG_CXL_REGION", CDM_SEVERITY_WARNING, "no CXL regions" },
	{ "CONFIG_DEV_DAX_CXL", CDM_SEVERITY_WARNING,
		"no dax devices of CXL regions (there from 6.3 on)" },
};

void cdm_check_config(struct cdm_ctx *ctx, struct cdm_check *check)
{
	char key[CDM_NAME_MAX + 2], *text;
	struct utsname uts;

	uname(&uts);
	if (cdm_read_text(ctx, &text, "/boot/config-%s", uts.release) < 0)
		return;		/* unknown; the module's loading is the better test */
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		size_t len = strlen(options[i].name);
		bool set = false;

		cdm_copy(key, sizeof(key), options[i].name);
		key[len] = '=';
		key[len + 1] = '\0';
		for (const char *at = text; !set && (at = strstr(at, key)); at++)
			set = at == text || at[-1] == '\n';
		if (!set)
			cdm_check_add(check, options[i].severity, "kernel-config",
				      "use a kernel that has it, such as the distribution's newest",
				      "kernel %s is without %s: %s", uts.release,
				      options[i].name, options[i].what);
	}
	free(text);
}

/*
 * Without "softdep kmem pre: cdm" whoever is loaded first gets the device, and
 * the device's uevent loads kmem.
 */
void cdm_check_softdep(struct cdm_ctx *ctx, struct cdm_check *check)
{
	struct kmod_list *item, *list = NULL;
	bool found = false;
	struct kmod_ctx *kmod;

	if (ctx->root[0] || !cdm_module_is_installed(ctx))
		return;
	kmod = kmod_new(NULL, NULL);
	if (!kmod)
		return;
	kmod_set_log_priority(kmod, 2);
	if (!kmod_module_new_from_lookup(kmod, "kmem", &list) && list) {
		struct kmod_module *kmem = kmod_module_get_module(list);
		struct kmod_list *pre = NULL, *post = NULL;

		if (kmod_module_get_initstate(kmem) == KMOD_MODULE_BUILTIN) {
			cdm_check_add(check, CDM_SEVERITY_WARNING, "kmem-builtin",
				      "load cdm in the initramfs, or use a kernel with kmem as "
				      "a module",
				      "kmem is built into the kernel and is there before cdm");
			found = true;
		} else if (kmod_module_get_softdeps(kmem, &pre, &post) >= 0) {
			kmod_list_foreach(item, pre) {
				struct kmod_module *dep = kmod_module_get_module(item);

				found |= !strcmp(kmod_module_get_name(dep), "cdm");
				kmod_module_unref(dep);
			}
		}
		kmod_module_unref_list(pre);
		kmod_module_unref_list(post);
		kmod_module_unref(kmem);
	} else {
		found = true;	/* no kmem, no race */
	}
	if (!found)
		cdm_check_add(check, CDM_SEVERITY_WARNING, "softdep-missing",
			      "echo 'softdep kmem pre: cdm' > /etc/modprobe.d/cdm.conf",
			      "kmem may be loaded before cdm and take expanders first");
	kmod_module_unref_list(list);
	kmod_unref(kmod);
}
