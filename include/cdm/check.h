/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libcdm: what stands in the way on this machine. */
#ifndef _CDM_CHECK_H
#define _CDM_CHECK_H

#include <cdm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

enum cdm_severity {
	CDM_SEVERITY_INFO,	/* good to know */
	CDM_SEVERITY_WARNING,	/* works, but may surprise */
	CDM_SEVERITY_ERROR,	/* does not work until this is put right */
};

/** Returns: "info", "warning" or "error". */
const char *cdm_severity_get_name(enum cdm_severity severity);

/**
 * cdm_check_run() - look at kernel, module, tools, policy and hardware
 *
 * Changes nothing. What cannot be looked at without privileges is itself a
 * finding ("unprivileged").
 *
 * Returns: 0 (findings or not), -ENOMEM. Free with cdm_check_unref(). Since: 0.1
 */
int cdm_check_run(struct cdm_ctx *ctx, struct cdm_check **check);
struct cdm_check *cdm_check_ref(struct cdm_check *check);
struct cdm_check *cdm_check_unref(struct cdm_check *check);

/** gravest first */
struct cdm_finding *cdm_finding_get_first(struct cdm_check *check);
struct cdm_finding *cdm_finding_get_next(struct cdm_finding *finding);

#define cdm_finding_foreach(check, finding)				\
	for (finding = cdm_finding_get_first(check); finding != NULL;	\
	     finding = cdm_finding_get_next(finding))

/** a stable word for programs, such as "module-missing" (see libcdm-check(3)) */
const char *cdm_finding_get_id(struct cdm_finding *finding);
enum cdm_severity cdm_finding_get_severity(struct cdm_finding *finding);
/** what is so */
const char *cdm_finding_get_what(struct cdm_finding *finding);
/** what to do about it; NULL for nothing */
const char *cdm_finding_get_fix(struct cdm_finding *finding);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* _CDM_CHECK_H */
