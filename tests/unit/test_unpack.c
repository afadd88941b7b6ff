/* SPDX-License-Identifier: ISC */
/* core/unpack: what is packed right comes out, and its bounds hold for all that isn't. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/unpack.h"

/* Packs n bytes of c; format as inflateInit2() has it. */
static struct slice pack(int format, size_t n, char c, struct buf *out)
{
	z_stream z = {0};

	out->len = 0;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, format, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_true(buf_reserve(out, deflateBound(&z, n) + 64));
	z.next_out = (unsigned char *)out->data;
	z.avail_out = (unsigned)(deflateBound(&z, n) + 64);
	for (size_t i = 0; i < n; i++) {
		z.next_in = (unsigned char *)&c;
		z.avail_in = 1;
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = z.total_out;
	deflateEnd(&z);
	return (struct slice){out->data, out->len};
}

static void packed_body_is_unpacked(void **state)
{
	static const struct {
		int format;
	} kinds[] = {{31}, {15}, {-15}};
	static const size_t sizes[] = {0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100000, UNPACK_MAX - 1, UNPACK_MAX};
	struct buf packed = {0}, out = {0};

	(void)state;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			assert_int_equal(unpack(pack(kinds[k].format, sizes[i], 'a', &packed), &out), UNPACK_OK);
			assert_int_equal(out.len, sizes[i]);
			assert_true(out.len == 0 || (out.data[0] == 'a' && out.data[out.len - 1] == 'a'));
		}
	buf_free(&packed);
	buf_free(&out);
}

static void unpacking_is_bounded(void **state)
{
	struct buf packed = {0}, out = {0};
	struct slice s;

	(void)state;
	assert_int_equal(unpack(pack(31, UNPACK_MAX + 1, 'a', &packed), &out), UNPACK_TOO_LARGE);
	assert_int_equal(unpack(pack(-15, 40 << 20, 'a', &packed), &out), UNPACK_TOO_LARGE);
	assert_true(out.cap < 3 * UNPACK_MAX);
	s = pack(31, 1000, 'a', &packed);
	for (size_t n = 1; n < s.n; n++) /* each cut is told of */
		assert_int_equal(unpack((struct slice){s.p, n}, &out), UNPACK_BROKEN);
	buf_add(&packed, "{}", 2);
	assert_int_equal(unpack((struct slice){packed.data, packed.len}, &out), UNPACK_BROKEN);
	assert_true(unpack_is_coding("gzip") && unpack_is_coding("br"));
	assert_false(unpack_is_coding("") || unpack_is_coding("Identity") || unpack_is_coding(NULL));
	buf_free(&packed);
	buf_free(&out);
}

/* Text is never taken for packed bytes, whatever the header says. A letter that is no ASCII may stand in it. */
static void text_is_never_unpacked(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{\"\303\251\":1}", "{\"event\":\"e\"}", "\r\n\t {}", "payload=%7B%7D&x^=1", "x^", "<xml/>"};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(unpack(slice_text(texts[i]), &out), UNPACK_PLAIN);
	assert_int_equal(unpack(slice_text("\357\273\277{\"event\":\"e\"}"), &out), UNPACK_BROKEN); /* a byte order mark: read as it is */
	buf_free(&out);
}

static void unpack_errors_have_a_note(void **state)
{
	(void)state;
	for (int result = UNPACK_OK; result < UNPACK_NO_MEMORY; result++)
		assert_int_equal(unpack_note(NULL, (enum unpack_result)result) != NULL, result == UNPACK_TOO_LARGE);
	assert_null(unpack_note("GZIP", UNPACK_OK));
	assert_string_equal(unpack_note("x-gzip", UNPACK_PLAIN), unpack_note("deflate", UNPACK_BROKEN));
	assert_string_equal(unpack_note("br", UNPACK_OK), unpack_note("gzip, gzip", UNPACK_BROKEN));
	assert_string_not_equal(unpack_note("br", UNPACK_OK), unpack_note("gzip", UNPACK_BROKEN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(packed_body_is_unpacked), cmocka_unit_test(unpacking_is_bounded), cmocka_unit_test(text_is_never_unpacked),
		cmocka_unit_test(unpack_errors_have_a_note)};

	return cmocka_run_group_tests_name("unpack", tests, unit_enter, unit_leave);
}
