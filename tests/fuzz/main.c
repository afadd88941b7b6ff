/* SPDX-License-Identifier: ISC */
/* Feeds a fuzz target its corpus, or the files that are named, with any compiler. Prints TAP. */
#define _DEFAULT_SOURCE /* scandir */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static void feed(const char *file)
{
	FILE *f = fopen(file, "rb");
	uint8_t *data;
	long size;

	if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0 ||
	    !(data = malloc((size_t)size + !size)) || fread(data, 1, (size_t)size, f) != (size_t)size) {
		perror(file);
		exit(1);
	}
	fclose(f);
	printf("# %s\n", file);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int feed_corpus(void)
{
	char file[PATH_MAX];
	struct dirent **entry;
	int n = scandir(CORPUS, &entry, visible, alphasort);

	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof file, "%s/%s", CORPUS, entry[i]->d_name);
		feed(file);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return n;
}

/* Where an input ends the program, the last line names it. */
int main(int argc, char **argv)
{
	int n = argc - 1;

	puts("1..1");
	for (int i = 1; i < argc; i++)
		feed(argv[i]);
	if (argc == 1)
		n = feed_corpus();
	printf("%s 1 - %d inputs\n", n > 0 ? "ok" : "not ok", n);
	return 0;
}
