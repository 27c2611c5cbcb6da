/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cdm

#if !defined(_CDM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _CDM_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(cdm_migrate_window,
	TP_PROTO(int to, unsigned long addr, unsigned long pages, u64 moved,
		 u64 populated),
	TP_ARGS(to, addr, pages, moved, populated),
	TP_STRUCT__entry(
		__field(int, to)
		__field(unsigned long, addr)
		__field(unsigned long, pages)
		__field(u64, moved)
		__field(u64, populated)
	),
	TP_fast_assign(
		__entry->to = to;
		__entry->addr = addr;
		__entry->pages = pages;
		__entry->moved = moved;
		__entry->populated = populated;
	),
	TP_printk("to=%d addr=0x%lx pages=%lu moved=%llu populated=%llu",
		  __entry->to, __entry->addr, __entry->pages, __entry->moved,
		  __entry->populated)
);

TRACE_EVENT(cdm_drain_pass,
	TP_PROTO(int region, u64 moved, u64 left, u64 no_memory),
	TP_ARGS(region, moved, left, no_memory),
	TP_STRUCT__entry(
		__field(int, region)
		__field(u64, moved)
		__field(u64, left)
		__field(u64, no_memory)
	),
	TP_fast_assign(
		__entry->region = region;
		__entry->moved = moved;
		__entry->left = left;
		__entry->no_memory = no_memory;
	),
	TP_printk("region=%d moved=%llu left=%llu no_memory=%llu",
		  __entry->region, __entry->moved, __entry->left,
		  __entry->no_memory)
);

TRACE_EVENT(cdm_block_role,
	TP_PROTO(int region, unsigned long start_pfn, int from, int to),
	TP_ARGS(region, start_pfn, from, to),
	TP_STRUCT__entry(
		__field(int, region)
		__field(unsigned long, start_pfn)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->region = region;
		__entry->start_pfn = start_pfn;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("region=%d start_pfn=0x%lx from=%d to=%d", __entry->region,
		  __entry->start_pfn, __entry->from, __entry->to)
);

TRACE_EVENT(cdm_page_retire,
	TP_PROTO(int region, unsigned long pfn),
	TP_ARGS(region, pfn),
	TP_STRUCT__entry(
		__field(int, region)
		__field(unsigned long, pfn)
	),
	TP_fast_assign(
		__entry->region = region;
		__entry->pfn = pfn;
	),
	TP_printk("region=%d pfn=0x%lx", __entry->region, __entry->pfn)
);

#endif /* _CDM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
