/* SPDX-License-Identifier: ISC */
/* A message of ConnectSafely's API as the body that its webhook delivers. */
#include "catchup/message.h"

#include <string.h>

#include "catchup/raw.h"
#include "core/clock.h"
#include "core/urn.h"

enum member { URN, TEXT, SENT_AT, SENDER_ID, SENDER_NAME, SENDER_PHOTO, IS_OWN, ATTACHMENTS, MEMBERS };

static const char *const member_names[MEMBERS] = {"messageUrn", "text", "sentAt", "senderProfileId", "senderName", "senderPhoto", "isSentByOwner",
	"attachments"};

enum { PARTICIPANTS_MAX = 256 * 1024 /* bytes of a list that is looked through for each message */ };

struct message_parts {
	struct slice raw[MEMBERS]; /* p == NULL: it is not there */
	struct buf others;         /* the other members, raw, with a comma before each but the first */
	struct buf scratch;
	struct slice id, sender;   /* sender: p == NULL: unknown */
	int64_t sent_at;
};

static enum message_result unsure(const char **why, const char *what)
{
	*why = what;
	return MESSAGE_UNSURE;
}

bool message_is_account(struct slice account)
{
	for (size_t i = 0; i < account.n; i++)
		if (account.p[i] <= ' ' || account.p[i] >= 0x7F || account.p[i] == '"' || account.p[i] == '\\' || account.p[i] == ',')
			return false;
	return account.n > 0 && account.n <= 200;
}

static int message_member(struct slice name)
{
	int i = 0;

	while (i < MEMBERS && !raw_is(name, member_names[i]))
		i++;
	return i;
}

/* Sorts the members. A member that is needed and is there twice could be either. */
static enum message_result split_message(struct slice message, struct message_parts *p, const char **why)
{
	struct slice rest = message, name, value;

	if (!raw_is_object(message))
		return unsure(why, "a message is no object");
	while (raw_next_member(&rest, &name, &value)) {
		int i = message_member(name);

		if (i == MEMBERS) {
			if (!buf_printf(&p->others, "%s\"", p->others.len ? "," : "") || !buf_add(&p->others, name.p, name.n) ||
			    !buf_add(&p->others, "\":", 2) || !buf_add(&p->others, value.p, value.n))
				return MESSAGE_NO_MEMORY;
		} else if (p->raw[i].p) {
			return unsure(why, "a member of a message is there twice");
		} else {
			p->raw[i] = value;
		}
	}
	return MESSAGE_RECEIVED;
}

static bool is_string_or_null(struct slice raw)
{
	return raw_is_string(raw) || raw_is_null(raw);
}

/* The members that decide what the message is, and whether it is stored. */
static enum message_result check_message(struct message_parts *p, const char **why)
{
	const struct slice *raw = p->raw;

	p->id = raw_is_string(raw[URN]) ? urn_id(raw_text(raw[URN], &p->scratch)) : (struct slice){0};
	if (!p->id.p)
		return unsure(why, "messageUrn is no URN with an id");
	if (!clock_read(raw_text(raw[SENT_AT], &p->scratch), &p->sent_at))
		return unsure(why, "sentAt is no time");
	if (!raw_is(raw[IS_OWN], "true") && !raw_is(raw[IS_OWN], "false"))
		return unsure(why, "isSentByOwner is neither true nor false");
	return raw_is(raw[IS_OWN], "true") ? MESSAGE_OWN : MESSAGE_RECEIVED;
}

/* The members that are only passed on: of the type that the webhook has. */
static enum message_result check_content(struct message_parts *p, const char **why)
{
	struct slice *raw = p->raw, sender;

	if (!is_string_or_null(raw[TEXT]))
		return unsure(why, "text is no text");
	if (!is_string_or_null(raw[SENDER_ID]))
		return unsure(why, "senderProfileId is no text");
	sender = raw_text(raw[SENDER_ID], &p->scratch);
	p->sender = sender.n ? urn_id(sender) : (struct slice){0};
	if (sender.n && !p->sender.p)
		return unsure(why, "senderProfileId is no profile's id");
	if (raw[ATTACHMENTS].p && !raw_is_array(raw[ATTACHMENTS]) && !raw_is_null(raw[ATTACHMENTS]))
		return unsure(why, "attachments is no list");
	for (int i = SENDER_NAME; i <= SENDER_PHOTO; i++)
		if (raw[i].p && !is_string_or_null(raw[i]))
			return unsure(why, "senderName or senderPhoto is no text");
	return MESSAGE_RECEIVED;
}

/* The address of the sender's profile, as the answer's list of participants has it: raw. */
static struct slice find_profile_url(const struct message_parts *p, struct slice participants)
{
	struct slice rest = participants, one, id, url;
	struct buf scratch = {0};

	while (p->sender.p && raw_is_array(participants) && participants.n <= PARTICIPANTS_MAX && raw_next_element(&rest, &one)) {
		scratch.len = 0;
		id = urn_id(raw_text(raw_member(one, "profileId"), &scratch));
		url = raw_member(one, "profileUrl");
		if (id.n == p->sender.n && memcmp(id.p, p->sender.p, id.n) == 0 && raw_is_string(url)) {
			buf_free(&scratch);
			return url;
		}
	}
	buf_free(&scratch);
	return slice_text("null");
}

static bool add_slice(struct buf *out, const char *before, struct slice s)
{
	return buf_add_text(out, before) && buf_add(out, s.p, s.n);
}

static struct slice raw_or(struct slice raw, const char *other)
{
	return raw.p && !raw_is_null(raw) ? raw : slice_text(other);
}

static bool add_message_sender(struct buf *out, const struct message_parts *p, struct slice participants)
{
	return buf_add_text(out, ",\"sender\":{\"id\":") &&
		(p->sender.p ? add_slice(out, "\"" URN_PROFILE, p->sender) && buf_add(out, "\"", 1) : buf_add_text(out, "null")) &&
		add_slice(out, ",\"name\":", raw_or(p->raw[SENDER_NAME], "null")) &&
		add_slice(out, ",\"profile_url\":", find_profile_url(p, participants)) &&
		add_slice(out, ",\"profile_picture\":", raw_or(p->raw[SENDER_PHOTO], "null")) && buf_add(out, "}", 1);
}

static bool add_webhook_body(struct buf *out, const struct message_parts *p, const struct message_context *c)
{
	char at[CLOCK_TEXT];

	return add_slice(out, "{\"event\":\"message.received\",\"object\":\"event\",\"data\":{\"id\":\"" URN_MESSAGE, p->id) &&
		add_slice(out, "\",\"message_urn\":\"" URN_MESSAGE, p->id) &&
		add_slice(out, "\",\"account_id\":\"", slice_text(c->account)) &&
		buf_add_text(out, "\",\"provider\":\"LINKEDIN\"") && add_message_sender(out, p, c->participants) &&
		add_slice(out, ",\"body\":", raw_or(p->raw[TEXT], "\"\"")) &&
		add_slice(out, ",\"timestamp\":\"", slice_text(clock_format(p->sent_at, at))) &&
		add_slice(out, "\",\"conversation_id\":\"" URN_THREAD, c->conversation) &&
		add_slice(out, "\",\"attachments\":", raw_or(p->raw[ATTACHMENTS], "[]")) &&
		add_slice(out, ",\"api\":{", (struct slice){p->others.data ? p->others.data : "", p->others.len}) && buf_add_text(out, "}}}");
}

enum message_result message_read(struct slice message, const struct message_context *c, struct buf *body, int64_t *sent_at, const char **why)
{
	struct message_parts p = {.raw = {{0}}};
	enum message_result result = split_message(message, &p, why);

	/* raw_text() adds less than the message is long, so that nothing in scratch moves */
	if (result == MESSAGE_RECEIVED && !buf_reserve(&p.scratch, message.n + 1))
		result = MESSAGE_NO_MEMORY;
	if (result == MESSAGE_RECEIVED)
		result = check_message(&p, why);
	*sent_at = p.sent_at;
	if (result == MESSAGE_RECEIVED)
		result = check_content(&p, why);
	if (result == MESSAGE_RECEIVED && !add_webhook_body(body, &p, c))
		result = MESSAGE_NO_MEMORY;
	buf_free(&p.others);
	buf_free(&p.scratch);
	return result;
}
