// SPDX-License-Identifier: GPL-2.0-only
/* A progress bar on a terminal. */
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "progress.h"
#include "size.h"

#define WAIT_SECONDS	1.0	/* no bar for what is over by then */
#define REDRAW_SECONDS	0.1
#define BAR_MAX		40

static struct {
	char what[64];
	double begun;
	double drawn_at;
	bool active;
	bool on_screen;
} bar;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return 80;
	return size.ws_col;
}

void progress_step(const char *step, const char *object)
{
	snprintf(bar.what, sizeof(bar.what), "%s%s%s", step ? step : "",
		 object ? " " : "", object ? object : "");
}

void progress_begin(void)
{
	bar.begun = now();
	bar.drawn_at = 0;
	bar.active = !ui.quiet && isatty(STDERR_FILENO);
}

static void draw(uint64_t done, uint64_t total, const char *remark)
{
	double elapsed = progress_seconds();
	double part = total ? (double)done / (double)total : 0;
	char text[256], size[SIZE_TEXT], rate[SIZE_TEXT], hashes[BAR_MAX + 1];
	int width = columns() - 60;

	if (part > 1)
		part = 1;
	if (width > BAR_MAX)
		width = BAR_MAX;
	if (width < 0)
		width = 0;
	for (int i = 0; i < width; i++)
		hashes[i] = i < (int)(part * width) ? '#' : '.';
	hashes[width] = '\0';
	if (!total)
		snprintf(text, sizeof(text), "%s ... %.0f s%s%s", bar.what,
			 elapsed, remark ? ", " : "", remark ? remark : "");
	else
		snprintf(text, sizeof(text), "%s [%s] %3.0f%% of %s, %s/s%s%s",
			 bar.what, hashes, part * 100, size_table(total, size),
			 size_table((uint64_t)((double)done / elapsed), rate),
			 remark ? ", " : "", remark ? remark : "");
	fprintf(stderr, "\r%.*s\033[K", columns() - 1, text);
	fflush(stderr);
	bar.on_screen = true;
}

void progress_update(uint64_t done_bytes, uint64_t total_bytes,
		     const char *remark)
{
	double t = now();

	if (!bar.active || t - bar.begun < WAIT_SECONDS ||
	    t - bar.drawn_at < REDRAW_SECONDS)
		return;
	bar.drawn_at = t;
	draw(done_bytes, total_bytes, remark);
}

void progress_clear(void)
{
	if (!bar.on_screen)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	bar.on_screen = false;
}

void progress_end(void)
{
	progress_clear();
	bar.active = false;
}

double progress_seconds(void)
{
	return now() - bar.begun;
}
