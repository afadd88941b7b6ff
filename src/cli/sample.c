/* SPDX-License-Identifier: ISC */
/* Realistic random events, as a provider would send them, for hookspool send. */
#include "cli/sample.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "core/clock.h"
#include "core/random.h"

enum { URN = 96, AGE_MS = 30000 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char digits[] = "0123456789abcdef";

static const char *const names[] = {
	"Jane Doe", "Zoë Müller-Łukasiewicz", "Đặng Thị Hương", "José Ángel Íñiguez", "Siobhán O'Brien-Nuñez",
	"محمد الأحمد", "ليلى حدّاد", "王小明", "陳怡君", "अनुराधा शर्मा", "विक्रम सिंह", "Дмитрий Иванов", "Олена Ковальчук",
	"田中 さくら", "김민준", "שרה כהן", "Γιώργος Παπαδόπουλος", "Max \"Mäx\" Power 🚀", "🌸 Aylin Yılmaz 🌸", "X Æ A-12",
};

static const char *const texts[] = {
	"Hey — saw your post about webhooks. Quick question: do you have 15 minutes this week?",
	"👍",
	"Thanks! 🙏🏽 Talk soon 👩‍👩‍👧‍👦",
	"ok",
	"Hallo Herr Größe, könnten Sie mir das Angebot für München bis Freitag schicken? Grüße, Jörg",
	"مرحبًا، هل يمكننا التحدث غدًا حول العرض؟ شكرًا جزيلًا.",
	"您好！看到您在招聘后端工程师，我很感兴趣。请问可以发一份职位描述吗？😊",
	"नमस्ते, क्या हम कल सुबह 10 बजे बात कर सकते हैं?",
	"Здравствуйте! Меня заинтересовала ваша вакансия — можно узнать подробности?",
	"お世話になっております。来週の打ち合わせの件、ご都合いかがでしょうか。",
	"Line one\nLine two with \"quotes\", a back\\slash, a tab\there and a link: https://example.com/?a=1&b=<2>",
	"InMail: Senior Platform Engineer, remote (EU)\n\nHi,\n\nI came across your profile and was impressed by your work "
	"on distributed systems. We are a team of twelve building payment infrastructure, and we are looking for somebody "
	"who has run queues in production and has opinions about at-least-once delivery.\n\nThe role is fully remote within "
	"two hours of CET; the range is €95–120k plus equity. If that sounds interesting, reply with a time that suits you, "
	"or book one directly: https://example.com/calendar/recruiting\n\nBest regards\n\n— sent from my phone 📱",
	"¿Te llegó mi mensaje de ayer? Avísame cuando puedas 🙂",
	"Teşekkürler, İstanbul'da görüşürüz! ☕️",
};

static const struct file {
	const char *type, *name, *mime;
} files[] = {
	{"file", "Angebot_März.pdf", "application/pdf"},
	{"img", "screenshot 2026-05-12.png", "image/png"},
	{"video", "démo.mp4", "video/mp4"},
	{"file", "简历.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
};

#define PICK(s, list) ((list)[below(s, sizeof(list) / sizeof *(list))])

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(struct sample *s)
{
	uint64_t z = s->state += 0x9E3779B97F4A7C15U;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9U;
	z = (z ^ z >> 27) * 0x94D049BB133111EBU;
	return z ^ z >> 31;
}

static size_t below(struct sample *s, size_t n)
{
	return (size_t)(next_random(s) % n);
}

/* Writes n random characters of `alphabet` and a NUL to out. */
static void random_text(struct sample *s, const char *alphabet, char *out, size_t n)
{
	size_t kinds = strlen(alphabet);

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[below(s, kinds)];
	out[n] = '\0';
}

void sample_init(struct sample *s, const struct sample_provider *provider, const struct strlist *accounts, const char *secret)
{
	s->provider = provider;
	s->accounts = accounts;
	s->secret = secret;
	if (!random_bytes(&s->state, sizeof s->state))
		s->state = (uint64_t)clock_now() ^ (uint64_t)clock_mono_us() << 20;
	random_text(s, digits, s->account, sizeof s->account - 1);
}

static void string(yajl_gen g, const char *text)
{
	yajl_gen_string(g, (const unsigned char *)text, strlen(text));
}

static void member(yajl_gen g, const char *key, const char *value)
{
	string(g, key);
	if (value)
		string(g, value);
	else
		yajl_gen_null(g);
}

/* A prefix and n random characters. */
static const char *urn(struct sample *s, const char *prefix, size_t n, char out[URN])
{
	size_t at = strlen(prefix);

	memcpy(out, prefix, at);
	random_text(s, letters, out + at, n);
	return out;
}

static void add_sender(struct sample *s, yajl_gen g)
{
	char id[URN], link[URN];

	string(g, "sender");
	yajl_gen_map_open(g);
	member(g, "id", urn(s, "urn:li:fsd_profile:ACoAA", 34, id));
	member(g, "name", PICK(s, names));
	member(g, "profile_url", below(s, 3) ? urn(s, "https://www.linkedin.com/in/", 12, link) : NULL);
	member(g, "profile_picture", below(s, 3) ? urn(s, "https://media.licdn.com/dms/image/v2/", 22, link) : NULL);
	yajl_gen_map_close(g);
}

static void add_attachments(struct sample *s, yajl_gen g)
{
	size_t n = below(s, 4) ? 0 : 1 + below(s, 3);
	const struct file *file;
	char link[URN];

	string(g, "attachments");
	yajl_gen_array_open(g);
	while (n--) {
		file = &PICK(s, files);
		yajl_gen_map_open(g);
		member(g, "id", urn(s, "urn:li:digitalmediaAsset:", 20, link));
		member(g, "type", file->type);
		member(g, "name", file->name);
		member(g, "mimetype", file->mime);
		string(g, "size");
		yajl_gen_integer(g, (long long)(1000 + below(s, 5000000)));
		member(g, "url", urn(s, "https://www.linkedin.com/dms/prv/", 24, link));
		yajl_gen_map_close(g);
	}
	yajl_gen_array_close(g);
}

/* Adds one text, or sometimes several paragraphs. */
static void add_text(struct sample *s, yajl_gen g)
{
	size_t n = below(s, 6) ? 1 : 2 + below(s, 6);
	struct buf text = {0};

	while (n--)
		buf_printf(&text, "%s%s", text.len ? "\n\n" : "", PICK(s, texts));
	string(g, "body");
	yajl_gen_string(g, (const unsigned char *)buf_str(&text), text.len);
	buf_free(&text);
}

static void add_data(struct sample *s, yajl_gen g)
{
	const struct strlist *accounts = s->accounts;
	char id[URN], when[CLOCK_TEXT];

	urn(s, "urn:li:messagingMessage:2-", 48, id);
	string(g, "data");
	yajl_gen_map_open(g);
	member(g, "id", id);
	member(g, "message_urn", id);
	member(g, "account_id", accounts->n ? accounts->item[below(s, accounts->n)] : s->account);
	member(g, "provider", "LINKEDIN");
	add_sender(s, g);
	add_text(s, g);
	member(g, "timestamp", clock_format(clock_now() - (int64_t)below(s, AGE_MS), when));
	member(g, "conversation_id", urn(s, "urn:li:messagingThread:2-", 48, id));
	add_attachments(s, g);
	yajl_gen_map_close(g);
}

static bool message_received(struct sample *s, struct buf *out)
{
	yajl_gen g = yajl_gen_alloc(NULL);
	const unsigned char *text;
	size_t n;
	bool ok;

	if (!g)
		return false;
	yajl_gen_map_open(g);
	member(g, "event", "message.received");
	member(g, "object", "event");
	add_data(s, g);
	yajl_gen_map_close(g);
	out->len = 0;
	ok = yajl_gen_get_buf(g, &text, &n) == yajl_gen_status_ok && buf_add(out, text, n);
	yajl_gen_free(g);
	return ok;
}

/* The provider's body with its placeholders filled in. */
static bool fill(struct sample *s, struct buf *out)
{
	static const char alphanumerics[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char random[25];
	bool ok = true;

	out->len = 0;
	for (const char *p = s->provider->body; ok && *p; p++) {
		if (*p == '$')
			random_text(s, alphanumerics, random, 24);
		else if (*p == '#')
			snprintf(random, sizeof random, "%zu", 100000000 + below(s, 900000000));
		else
			snprintf(random, sizeof random, "%c", *p);
		ok = *p == '@' ? buf_printf(out, "%s", s->secret ? s->secret : "") : buf_add(out, random, strlen(random));
	}
	return ok;
}

/* Adds the mark of a test event: a last member of the JSON object, or a last parameter of the form. */
static bool add_mark(struct buf *body)
{
	static const char member[] = ",\"" SAMPLE_MARK "\":true", parameter[] = "&" SAMPLE_MARK "=true";
	size_t end = body->len, rest;
	char tail[8];

	while (end > 0 && body->data[end - 1] != '}')
		end--;
	if (end == 0)
		return buf_add(body, parameter, sizeof parameter - 1);
	rest = body->len - --end;
	memcpy(tail, body->data + end, rest);
	body->len = end;
	return buf_add(body, member, sizeof member - 1) && buf_add(body, tail, rest);
}

bool sample_event(struct sample *s, struct buf *out)
{
	return (s->provider->body ? fill(s, out) : message_received(s, out)) && add_mark(out);
}
