// SPDX-License-Identifier: GPL-2.0-only
/* Policy: what an expander should become. */
#include <cdm/libcdm.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cmd.h"
#include "keep.h"
#include "policy-files.h"
#include "policy.h"
#include "size.h"
#include "suggest.h"

/* How closely a section names the memory: the closer one decides. */
enum section {
	SECTION_NONE,		/* before the first header, or a bad header */
	SECTION_DEFAULT,
	SECTION_KIND,
	SECTION_DAX,
	SECTION_UUID,
	SECTION_SERIAL,
};

enum key {
	KEY_ISOLATION,
	KEY_SIZE,
	KEY_MEMMAP,
	KEY_MAX_PER_USER,
	KEY_CREATE_REGION,
	NR_KEYS,
};

/* One "key = value" line. */
struct rule {
	enum section section;
	const char *name;	/* of the section: kind, dax or uuid */
	uint64_t serial;	/* likewise */
	enum key key;
	uint64_t number;	/* value: level, bytes, or yes */
	const char *driver;	/* value: release-to-DRIVER */
	const char *source;	/* file:line */
};

struct policy {
	struct rule *rules;
	size_t nr_rules;
};

/* Where the reader is. */
struct reader {
	struct policy *policy;
	const char *path;
	unsigned int line;
	struct rule section;	/* what the next rules begin with */
	policy_error_fn on_error;
	void *data;
	int rc;
};

static void wrong(struct reader *r, const char *what)
{
	r->on_error(r->data, keep("%s:%u: %s", r->path, r->line, what));
	r->rc = -EINVAL;
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* --- values -------------------------------------------------------------- */

static const char *const drivers[] = { "kmem", "device_dax" };

static int parse_isolation(const char *text, struct rule *rule)
{
	int level = cdm_isolation_from_name(text);

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strncmp(text, "release-to-", 11) &&
		    !strcmp(text + 11, drivers[i])) {
			rule->driver = drivers[i];
			return 0;
		}
	if (level < 0)
		return -EINVAL;
	rule->number = (uint64_t)level;
	return 0;
}

/* A size, or the word that stands for a number of its own. */
static int parse_size_or(const char *text, const char *word, uint64_t number,
			 struct rule *rule)
{
	if (!strcmp(text, word)) {
		rule->number = number;
		return 0;
	}
	if (size_parse(text, &rule->number))
		return -EINVAL;
	return rule->number ? 0 : -EINVAL;
}

static int parse_size(const char *text, struct rule *rule)
{
	return parse_size_or(text, "all", 0, rule);
}

static int parse_max(const char *text, struct rule *rule)
{
	return parse_size_or(text, "max", CDM_NO_LIMIT, rule);
}

static int parse_word(const char *text, const char *zero, const char *one,
		      struct rule *rule)
{
	rule->number = !strcmp(text, one);
	return rule->number || !strcmp(text, zero) ? 0 : -EINVAL;
}

static int parse_memmap(const char *text, struct rule *rule)
{
	return parse_word(text, "ram", "block", rule);
}

static int parse_yes_no(const char *text, struct rule *rule)
{
	return parse_word(text, "no", "yes", rule);
}

static const struct {
	const char *name;
	int (*parse)(const char *text, struct rule *rule);
	const char *expected;
} keys[NR_KEYS] = {
	[KEY_ISOLATION] = { "isolation", parse_isolation,
		"none, exclusive, private, reserved, shared, release-to-kmem or release-to-device_dax" },
	[KEY_SIZE] = { "size", parse_size, "a size such as 16g, or all" },
	[KEY_MEMMAP] = { "memmap", parse_memmap, "ram or block" },
	[KEY_MAX_PER_USER] = { "max-per-user", parse_max, "a size such as 4g, or max" },
	[KEY_CREATE_REGION] = { "create-region", parse_yes_no, "yes or no" },
};

/* --- lines --------------------------------------------------------------- */

static void unknown_key(struct reader *r, const char *name)
{
	const char *names[NR_KEYS + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < NR_KEYS; i++)
		names[i] = keys[i].name;
	near = suggest(name, names);
	if (near)
		wrong(r, keep("there is no key \"%s\"; did you mean \"%s\"?",
			      name, near));
	else
		wrong(r, keep("there is no key \"%s\"; there are isolation, size, memmap, max-per-user and create-region",
			      name));
}

static void add_rule(struct reader *r, const struct rule *rule)
{
	struct policy *p = r->policy;

	p->rules = xrealloc(p->rules, (p->nr_rules + 1) * sizeof(*p->rules));
	p->rules[p->nr_rules++] = *rule;
}

static void read_assignment(struct reader *r, char *line)
{
	struct rule rule = r->section;
	char *equals = strchr(line, '=');
	char *name, *value;
	size_t key;

	if (!equals) {
		wrong(r, keep("\"%s\" is neither [section] nor key = value",
			      line));
		return;
	}
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	for (key = 0; key < NR_KEYS; key++)
		if (!strcmp(name, keys[key].name))
			break;
	if (key == NR_KEYS) {
		unknown_key(r, name);
		return;
	}
	if (keys[key].parse(value, &rule)) {
		wrong(r, keep("%s: \"%s\" is not %s", name, value,
			      keys[key].expected));
		return;
	}
	if (rule.section == SECTION_NONE) {
		/* a bad header has been reported already */
		if (!rule.name)
			wrong(r, keep("%s stands before the first [section]",
				      name));
		return;
	}
	rule.key = (enum key)key;
	rule.source = keep("%s:%u", r->path, r->line);
	add_rule(r, &rule);
}

/* Whoever mistypes one would wait for ever for it to match. */
static bool is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; i < strlen(form); i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) :
				     text[i] != form[i])
			return false;
	return true;
}

static int parse_section(struct rule *section, const char *word,
			 const char *name)
{
	if (!strcmp(word, "default")) {
		section->section = SECTION_DEFAULT;
		return *name ? -EINVAL : 0;
	}
	if (!*name)
		return -EINVAL;
	section->name = keep_text(name);
	if (!strcmp(word, "kind")) {
		section->section = SECTION_KIND;
		return strcmp(name, "cxl") && strcmp(name, "hmem") ? -EINVAL : 0;
	}
	if (!strcmp(word, "dax")) {
		section->section = SECTION_DAX;
		if (!strncmp(name, "/dev/", 5))
			section->name += 5;
		return 0;
	}
	if (!strcmp(word, "uuid")) {
		section->section = SECTION_UUID;
		return is_uuid(name) ? 0 : -EINVAL;
	}
	if (!strcmp(word, "serial")) {
		section->section = SECTION_SERIAL;
		/* a number as a size, but without a unit */
		return isxdigit((unsigned char)name[strlen(name) - 1]) ?
		       size_parse(name, &section->serial) : -EINVAL;
	}
	return -EINVAL;
}

static void read_header(struct reader *r, char *line)
{
	char *end = line + strlen(line) - 1;
	char *word, *name;

	memset(&r->section, 0, sizeof(r->section));
	if (*end == ']') {
		*end = '\0';
		word = trim(line + 1);
		name = word + strcspn(word, " \t");
		if (*name)
			*name++ = '\0';
		name = trim(name);
		if (!parse_section(&r->section, word, name))
			return;
	}
	/* The rules of a bad section are read for errors, and dropped. */
	memset(&r->section, 0, sizeof(r->section));
	r->section.name = "";
	wrong(r, "a section is [default], [kind cxl|hmem], [dax NAME], [uuid UUID] or [serial NUMBER]");
}

static void read_line(struct reader *r, char *line, size_t length)
{
	if (strlen(line) != length) {
		wrong(r, "there is a byte 0 in the line");
		return;
	}
	line = trim(line);
	if (!*line || *line == '#' || *line == ';')
		return;
	if (*line == '[')
		read_header(r, line);
	else
		read_assignment(r, line);
}

/*
 * Who opens a FIFO waits for a writer, and some devices never end. /dev/null is how
 * a file of the folders before is taken away.
 */
static FILE *open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FILE *file = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st))
		goto out;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		file = fdopen(fd, "r");
	else
		errno = ENOTSUP;
out:
	if (!file)
		close(fd);
	return file;
}

static void read_file(struct reader *r)
{
	FILE *file = open_file(r->path);
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	r->line = 0;
	memset(&r->section, 0, sizeof(r->section));
	if (!file)
		goto unreadable;
	errno = 0;
	while ((length = getline(&line, &size, file)) >= 0) {
		r->line++;
		read_line(r, line, (size_t)length);
		errno = 0;
	}
	free(line);
	if (ferror(file)) {
		fclose(file);
		goto unreadable;
	}
	fclose(file);
	return;
unreadable:
	r->rc = errno ? -errno : -EIO;
	r->on_error(r->data, keep("%s: cannot be read: %s", r->path,
				  r->rc == -ENOTSUP ? "it is no regular file" :
						      strerror(-r->rc)));
}

int policy_load(const char *folder, policy_error_fn on_error, void *data,
		struct policy **policy)
{
	struct reader reader = { .on_error = on_error, .data = data };
	struct policy_files files;
	int rc;

	*policy = xrealloc(NULL, sizeof(**policy));
	memset(*policy, 0, sizeof(**policy));
	reader.policy = *policy;
	rc = policy_files_find(folder, &files);
	if (rc)
		on_error(data, keep("%s: cannot be read: %s",
				    files.folder, strerror(-rc)));
	for (size_t i = 0; !rc && i < files.nr; i++) {
		reader.path = files.paths[i];
		read_file(&reader);
	}
	policy_files_free(&files);
	return rc ? rc : reader.rc;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	free(policy->rules);
	free(policy);
}

/* --- answers --------------------------------------------------------------- */

static bool matches(const struct rule *rule, const struct policy_subject *s)
{
	switch (rule->section) {
	case SECTION_DEFAULT:
		return true;
	case SECTION_KIND:
		return !strcmp(rule->name, s->kind);
	case SECTION_DAX:
		return s->dax && !fnmatch(rule->name, s->dax, 0);
	case SECTION_UUID:
		return s->uuid && !strcasecmp(rule->name, s->uuid);
	case SECTION_SERIAL:
		for (size_t i = 0; i < s->nr_serials; i++)
			if (s->serials[i] == rule->serial)
				return true;
		return false;
	default:
		return false;
	}
}

void policy_ask(const struct policy *policy,
		const struct policy_subject *subject,
		struct policy_answer *answer)
{
	const struct rule *best[NR_KEYS] = { NULL };

	/* Each key by itself: the closest section that has it, the last line
	 * of equally close ones. */
	for (size_t i = 0; i < policy->nr_rules; i++) {
		const struct rule *rule = &policy->rules[i];
		const struct rule **b = &best[rule->key];

		if (matches(rule, subject) &&
		    (!*b || rule->section >= (*b)->section))
			*b = rule;
	}
	memset(answer, 0, sizeof(*answer));
	answer->isolation = CDM_ISOLATION_NONE;
	if (best[KEY_ISOLATION]) {
		answer->isolation = (int)best[KEY_ISOLATION]->number;
		answer->release = best[KEY_ISOLATION]->driver;
		answer->source = best[KEY_ISOLATION]->source;
	}
	if (best[KEY_SIZE])
		answer->size = best[KEY_SIZE]->number;
	if (best[KEY_MEMMAP])
		answer->memmap_on_block = best[KEY_MEMMAP]->number;
	if (best[KEY_MAX_PER_USER])
		answer->max_bytes = best[KEY_MAX_PER_USER]->number;
	if (best[KEY_CREATE_REGION])
		answer->create_region = best[KEY_CREATE_REGION]->number;
}
