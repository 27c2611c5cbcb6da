// SPDX-License-Identifier: GPL-2.0-only
/*
 * cdm: leaving before the CXL core stops decoding.
 *
 * When an expander goes, the CXL core resets the decoders of its regions and
 * only then releases the region's driver (cxl_region_detach()), so in remove()
 * the memory can not be read any more. What comes before is the unbinding of the
 * expander's endpoint port, and the bus tells of it: that is when the region is
 * drained. Of an expander that is not there any more nothing can be read at all,
 * so its cards are remembered, to be asked. Knows nothing of pages.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/kernfs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "cdm.h"

#define TARGETS_MAX	CDM_CARDS_MAX

/* The regions that are made of a CXL region. */
static LIST_HEAD(watched);
static DEFINE_MUTEX(watched_lock);

/*
 * How many of them have need of the notifier. It is one for all: who adds or removes one
 * waits for those that run, and everything on the bus waits for him, while one that
 * drains may run for as long as something holds a page.
 */
static unsigned int nr_listening;
static DEFINE_MUTEX(listen_lock);

/**
 * struct cxl_search - is a decoder among the children of a port?
 * @name: the decoder
 * @found: the answer
 */
struct cxl_search {
	const char *name;
	bool found;
};

static int search_child(struct device *dev, void *data)
{
	struct cxl_search *search = data;

	search->found |= !strcmp(dev_name(dev), search->name);
	return search->found;
}

/* Is one of the targets of the CXL region a decoder of this endpoint? */
static bool endpoint_serves(struct device *endpoint, struct device *cxl_region)
{
	char *buf = (char *)get_zeroed_page(GFP_KERNEL), name[16];
	struct cxl_search search = { .name = buf };
	unsigned int i;
	int rc;

	/* Without an answer it is safer to drain. */
	if (!buf)
		return true;
	for (i = 0; i < TARGETS_MAX && !search.found; i++) {
		snprintf(name, sizeof(name), "target%u", i);
		/* A signal ends the wait for the core's lock, but is no answer. */
		while ((rc = cdm_attr_read(cxl_region, name, buf)) == -EINTR)
			msleep(1);
		if (rc)
			break;
		search.name = strim(buf);
		if (*search.name)
			device_for_each_child(endpoint, &search, search_child);
	}
	free_page((unsigned long)buf);
	return search.found;
}

/*
 * The card of an endpoint. Its struct is private, but the link to the device that
 * it is a port of ("uport", a memdev whose parent is the card) is ABI.
 */
static struct pci_dev *card_of_endpoint(struct device *endpoint)
{
	struct kernfs_node *link = sysfs_get_dirent(endpoint->kobj.sd, "uport");
	struct device *dev = NULL;

	if (!link)
		return NULL;
	if (kernfs_type(link) == KERNFS_LINK)
		dev = kobj_to_dev(link->symlink.target_kn->priv)->parent;
	if (dev && dev_is_pci(dev))
		get_device(dev);
	else
		dev = NULL;
	kernfs_put(link);
	return dev ? to_pci_dev(dev) : NULL;
}

static int card_add(struct device *dev, void *data)
{
	struct cdm_region *region = data;
	struct pci_dev *card;

	if (strncmp(dev_name(dev), "endpoint", 8) ||
	    region->nr_cards == CDM_CARDS_MAX ||
	    !endpoint_serves(dev, region->cxl_region))
		return 0;
	card = card_of_endpoint(dev);
	if (card)
		region->cards[region->nr_cards++] = card;
	return 0;
}

/**
 * cdm_cxl_present() - are the cards of a region there?
 * @region: the region
 *
 * Asks the hardware. Content that was read before this returned true was read
 * from the cards.
 *
 * Context: any.
 * Return: false if one of them does not answer.
 */
bool cdm_cxl_present(struct cdm_region *region)
{
	unsigned int i;

	for (i = 0; i < region->nr_cards; i++)
		if (!pci_device_is_present(region->cards[i]))
			return false;
	return true;
}

/* The next, by its number, of the regions that an endpoint serves, with a reference. */
static struct cdm_region *served_get(struct device *endpoint, int after)
{
	struct cdm_region *region, *next = NULL;

	mutex_lock(&watched_lock);
	list_for_each_entry(region, &watched, cxl_link)
		if (region->id > after && (!next || region->id < next->id) &&
		    endpoint_serves(endpoint, region->cxl_region))
			next = region;
	if (next)
		get_device(&next->dev);
	mutex_unlock(&watched_lock);
	return next;
}

static int cxl_notify(struct notifier_block *nb, unsigned long action,
		      void *data)
{
	struct cdm_region *region;
	int id = -1;

	if (action != BUS_NOTIFY_UNBIND_DRIVER ||
	    strncmp(dev_name(data), "endpoint", 8))
		return NOTIFY_DONE;
	while ((region = served_get(data, id))) {
		id = region->id;
		cdm_region_vacate(region);
		put_device(&region->dev);
	}
	return NOTIFY_DONE;
}

static struct notifier_block cxl_nb = {
	.notifier_call = cxl_notify,
};

static int listen_begin(struct device *cxl_region)
{
	int rc = 0;

	mutex_lock(&listen_lock);
	if (!nr_listening)
		rc = bus_register_notifier(cxl_region->bus, &cxl_nb);
	nr_listening += !rc;
	mutex_unlock(&listen_lock);
	return rc;
}

static void listen_end(struct device *cxl_region)
{
	mutex_lock(&listen_lock);
	if (!--nr_listening)
		bus_unregister_notifier(cxl_region->bus, &cxl_nb);
	mutex_unlock(&listen_lock);
}

/**
 * cdm_cxl_watch() - drain a region before its expander goes
 * @region: being added; nothing is done if it does not belong to a CXL region
 *
 * Context: may sleep.
 * Return: 0, or what bus_register_notifier() said.
 */
int cdm_cxl_watch(struct cdm_region *region)
{
	struct device *dev = region->dev.parent;
	int rc;

	while (dev && !(dev->bus && !strcmp(dev->bus->name, "cxl") &&
			!strncmp(dev_name(dev), "region", 6)))
		dev = dev->parent;
	if (!dev)
		return 0;

	rc = listen_begin(dev);
	if (rc)
		return rc;
	region->cxl_region = get_device(dev);
	mutex_lock(&watched_lock);
	list_add(&region->cxl_link, &watched);
	mutex_unlock(&watched_lock);
	bus_for_each_dev(dev->bus, NULL, region, card_add);
	return 0;
}

/**
 * cdm_cxl_put() - let go of the cards of a region
 * @region: nobody asks for its cards any more
 */
void cdm_cxl_put(struct cdm_region *region)
{
	while (region->nr_cards)
		pci_dev_put(region->cards[--region->nr_cards]);
}

/**
 * cdm_cxl_unwatch() - undo cdm_cxl_watch()
 * @region: the region
 *
 * Until then an endpoint that goes waits for whoever drains the region.
 *
 * Context: may sleep; call without locks of the region.
 */
void cdm_cxl_unwatch(struct cdm_region *region)
{
	if (!region->cxl_region)
		return;
	mutex_lock(&watched_lock);
	list_del(&region->cxl_link);
	mutex_unlock(&watched_lock);
	listen_end(region->cxl_region);
	put_device(region->cxl_region);
	region->cxl_region = NULL;
}
