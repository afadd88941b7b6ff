/* Signature schemes as data: where a provider puts its signature and how it is written. */
#include "conf/scheme.h"

#include <stddef.h>
#include <string.h>

static const struct scheme schemes[] = {
	/* ConnectSafely, "Security & Auth" */
	{"connectsafely", "X-Webhook-Signature", "HTTP_X_WEBHOOK_SIGNATURE", "sha256=", HANDSHAKE_NONE},
	/* docs.github.com, "Validating webhook deliveries" */
	{"github", "X-Hub-Signature-256", "HTTP_X_HUB_SIGNATURE_256", "sha256=", HANDSHAKE_NONE},
	/* dropbox.com/developers, "Webhooks" */
	{"dropbox", "X-Dropbox-Signature", "HTTP_X_DROPBOX_SIGNATURE", "", HANDSHAKE_ECHO},
	{"none", NULL, NULL, NULL, HANDSHAKE_NONE},
};

const struct scheme *scheme_find(const char *name)
{
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strcmp(schemes[i].name, name) == 0)
			return &schemes[i];
	return NULL;
}

const char *scheme_names(void)
{
	return "connectsafely, github, dropbox, none";
}
