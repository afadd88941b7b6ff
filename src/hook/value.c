/* SPDX-License-Identifier: ISC */
/* The values of a delivery that its scheme names as parts of the proof: in the body, or in the query. */
#include "hook/value.h"

#include <string.h>

#include "core/paths.h"
#include "hook/content.h"

_Static_assert((int)SCHEME_VALUES <= (int)PATHS_MAX, "each value may be a path");

static const struct value *find_value(const struct values *v, enum source_kind kind, struct slice name)
{
	for (const struct value *item = v->item; item < v->item + v->n; item++)
		if (item->kind == kind && item->name.n == name.n && memcmp(item->name.p, name.p, name.n) == 0)
			return item;
	return NULL;
}

static void list_value(struct values *v, enum source_kind kind, struct slice name)
{
	if (v->n < SCHEME_VALUES && !find_value(v, kind, name))
		v->item[v->n++] = (struct value){.kind = kind, .name = name};
}

static void list_values(const struct scheme *s, struct values *v)
{
	const char *signs = s->signs ? s->signs : "";
	struct slice literal, name;
	enum placeholder p;

	v->n = 0;
	for (int i = 0; i < SCHEME_PLACES && s->place[i].kind; i++)
		list_value(v, s->place[i].kind, slice_text(s->place[i].name));
	if (s->time.kind)
		list_value(v, s->time.kind, slice_text(s->time.name));
	while (scheme_next(&signs, &p, &literal))
		if (p == PLACEHOLDER_VALUE || p == PLACEHOLDER_IF)
			list_value(v, scheme_value_kind(literal, &name), name);
}

static bool has_kind(const struct values *v, enum source_kind kind)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->item[i].kind == kind)
			return true;
	return false;
}

/* The names of the paths with a NUL behind each, as paths_find() takes them; SIZE_MAX: memory is short. */
static size_t make_paths(struct values *v, struct path *path)
{
	size_t size = 0, n = 0;

	for (size_t i = 0; i < v->n; i++)
		size += v->item[i].name.n + 1;
	v->names.len = 0;
	if (!buf_reserve(&v->names, size))
		return SIZE_MAX;
	for (size_t i = 0; i < v->n; i++) {
		if (v->item[i].kind != SOURCE_JSON)
			continue;
		path[n++] = (struct path){.text = v->names.data + v->names.len, .exact = true};
		buf_add(&v->names, v->item[i].name.p, v->item[i].name.n);
		buf_add(&v->names, "", 1);
	}
	return n;
}

static enum values_result read_json_values(struct slice json, struct values *v)
{
	struct path path[SCHEME_VALUES];
	size_t n = make_paths(v, path), k = 0;

	if (n == SIZE_MAX)
		return VALUES_UNAVAILABLE;
	v->arena.len = 0;
	switch (paths_find(json.p, json.n, path, n, &v->arena, &v->reason)) {
	case PATHS_OK:
		break;
	case PATHS_MALFORMED:
		return VALUES_MALFORMED;
	case PATHS_NO_MEMORY:
		return VALUES_UNAVAILABLE;
	}
	for (size_t i = 0; i < v->n; i++)
		if (v->item[i].kind == SOURCE_JSON)
			v->item[i].text = path[k++].value;
	return VALUES_OK;
}

static void take_parameters(const struct form *form, enum source_kind kind, struct values *v)
{
	char name[256];

	for (size_t i = 0; i < v->n; i++) {
		if (v->item[i].kind != kind || v->item[i].name.n >= sizeof name)
			continue;
		memcpy(name, v->item[i].name.p, v->item[i].name.n);
		name[v->item[i].name.n] = '\0';
		v->item[i].text = form_only_value(form, name);
	}
}

static enum values_result read_body_values(const struct request *r, const struct scheme *s, struct values *v)
{
	struct slice json;
	enum content_kind kind = content_json(r, s, &v->form, &json);

	if (kind == CONTENT_IS_UNKNOWN)
		return VALUES_UNAVAILABLE;
	v->reason = kind == CONTENT_IS_BROKEN ? "not a form" : "no JSON";
	if (kind == CONTENT_IS_BROKEN)
		return VALUES_MALFORMED;
	take_parameters(&v->form, SOURCE_FORM, v);
	if (!has_kind(v, SOURCE_JSON))
		return VALUES_OK;
	return json.p ? read_json_values(json, v) : VALUES_MALFORMED;
}

static enum values_result read_query_values(const struct request *r, struct values *v)
{
	switch (form_parse(&v->query, r->query, strlen(r->query))) {
	case FORM_OK:
		take_parameters(&v->query, SOURCE_QUERY, v);
		return VALUES_OK;
	case FORM_MALFORMED:
		return VALUES_OK; /* none has a value */
	case FORM_NO_MEMORY:
		break;
	}
	return VALUES_UNAVAILABLE;
}

enum values_result values_read(const struct request *r, const struct scheme *s, struct values *out)
{
	enum values_result result = VALUES_OK;

	list_values(s, out);
	out->reason = NULL;
	if (has_kind(out, SOURCE_QUERY))
		result = read_query_values(r, out);
	if (result == VALUES_OK && (has_kind(out, SOURCE_JSON) || has_kind(out, SOURCE_FORM)))
		result = read_body_values(r, s, out);
	return result;
}

struct slice values_find(const struct values *v, enum source_kind kind, struct slice name)
{
	const struct value *item = find_value(v, kind, name);

	return item ? item->text : (struct slice){0};
}

void values_free(struct values *v)
{
	buf_free(&v->names);
	buf_free(&v->arena);
	form_free(&v->form);
	form_free(&v->query);
	*v = (struct values){0};
}
