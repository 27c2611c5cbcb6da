// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: coherent device memory from CXL memory expanders.
 */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "cdm.h"
#include "job.h"

/*
 * Hibernation saves no device pages, nor a memory map that lies on the device,
 * and the page tables that name them survive: the content would be lost without
 * a word. Tasks run on between the notifier and their freezing, so no page may
 * be handed out in that time either.
 */
static int pm_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	if (action == PM_POST_HIBERNATION)
		cdm_pages_freeze(false);
	if (action != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;
	cdm_pages_freeze(true);
	if (!cdm_region_any_mapped())
		return NOTIFY_DONE;
	cdm_pages_freeze(false);
	pr_err("cdm: no hibernation while regions are in use; take them offline first\n");
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block pm_notifier = {
	.notifier_call = pm_notify,
};

static int __init cdm_init(void)
{
	int rc;

	rc = cdm_job_init();
	if (rc)
		return rc;
	rc = cdm_region_init();
	if (rc)
		goto err_job;
	rc = cdm_hotplug_init();
	if (rc)
		goto err_region;
	rc = register_pm_notifier(&pm_notifier);
	if (rc)
		goto err_hotplug;
	rc = cdm_dax_init();
	if (rc)
		goto err_pm;
	return 0;

err_pm:
	unregister_pm_notifier(&pm_notifier);
err_hotplug:
	cdm_hotplug_exit();
err_region:
	cdm_region_exit();
err_job:
	cdm_job_exit();
	return rc;
}

static void __exit cdm_exit(void)
{
	cdm_dax_exit();
	unregister_pm_notifier(&pm_notifier);
	cdm_hotplug_exit();
	cdm_region_exit();
	cdm_job_exit();
}

module_init(cdm_init);
module_exit(cdm_exit);

MODULE_DESCRIPTION("Coherent device memory from CXL memory expanders");
MODULE_AUTHOR("The cdm authors");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL v2");
