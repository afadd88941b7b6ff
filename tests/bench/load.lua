-- SPDX-License-Identifier: ISC
-- wrk's script: ConnectSafely's deliveries, each with a key and a signature of its own.
-- Arguments: the event's size in bytes, the secret, the Authorization value.
local ffi = require "ffi"

ffi.cdef [[
typedef struct evp_mac_st EVP_MAC;
typedef struct evp_mac_ctx_st EVP_MAC_CTX;
typedef struct { const char *key; unsigned type; void *data; size_t size, returned; } OSSL_PARAM;
typedef struct { long seconds, microseconds; } timeval;
int gettimeofday(timeval *now, void *zone);
EVP_MAC *EVP_MAC_fetch(void *libctx, const char *name, const char *properties);
EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *mac);
EVP_MAC_CTX *EVP_MAC_CTX_dup(const EVP_MAC_CTX *ctx);
void EVP_MAC_CTX_free(EVP_MAC_CTX *ctx);
int EVP_MAC_init(EVP_MAC_CTX *ctx, const char *key, size_t n, const OSSL_PARAM *params);
int EVP_MAC_update(EVP_MAC_CTX *ctx, const char *data, size_t n);
int EVP_MAC_final(EVP_MAC_CTX *ctx, unsigned char *out, size_t *n, size_t size);
OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *text, size_t n);
OSSL_PARAM OSSL_PARAM_construct_end(void);
int EVP_EncodeBlock(unsigned char *out, const char *in, int n);
]]
local crypto = ffi.load "libcrypto.so.3"

local threads = 0

function setup(thread)
	thread:set("number", threads)
	threads = threads + 1
end

-- The signature costs the generator little for large events too: what comes before the key is hashed once.
local half, head, body_head, n
local mac, base64 = ffi.new "unsigned char[32]", ffi.new "unsigned char[256]"
local mac_size, now = ffi.new "size_t[1]", ffi.new "timeval"
local hex = {}
for i = 0, 255 do hex[i] = string.format("%02x", i) end

local tail = [[","message_urn":"%s","id":"%s"}}]]

-- LinkedIn's ids are the base64 of "<milliseconds>b<number>-100&<uuid>". Their time is that of the clock: the newest comes last, or an
-- index of keys would be written in its middle.
local function new_key()
	ffi.C.gettimeofday(now, nil)
	local milliseconds = tonumber(now.seconds) * 1000 + math.floor(tonumber(now.microseconds) / 1000)
	local text = string.format("%013db%05d-100&%08x-0000-4000-8000-%012x", milliseconds, number, started, n)
	local length = crypto.EVP_EncodeBlock(base64, text, #text)
	n = n + 1
	return "urn:li:messagingMessage:2-" .. ffi.string(base64, length)
end

function init(args)
	local size, secret, authorization = tonumber(args[1]), args[2], args[3]
	started, n = os.time(), 0
	body_head = [[{"event":"message.received","object":"event","data":{"account_id":"acc-1","provider":"LINKEDIN",]]
		.. [["sender":{"id":"urn:li:fsd_profile:ACoAA1","name":"Jane Doe","profile_url":null},]]
		.. [["timestamp":"2026-05-12T14:33:21.000Z","conversation_id":"urn:li:messagingThread:2-x","attachments":[],"body":"]]
	local rest = tail:format(new_key(), new_key())
	body_head = body_head .. string.rep("x", size - #body_head - #rest)
	head = "POST /webhook/linkedin HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
		.. size .. "\r\nAuthorization: " .. authorization .. "\r\nX-Webhook-Signature: sha256="

	local params = ffi.new("OSSL_PARAM[2]")
	local digest = ffi.new("char[7]", "SHA256")
	params[0] = crypto.OSSL_PARAM_construct_utf8_string("digest", digest, 0)
	params[1] = crypto.OSSL_PARAM_construct_end()
	half = crypto.EVP_MAC_CTX_new(crypto.EVP_MAC_fetch(nil, "HMAC", nil))
	assert(crypto.EVP_MAC_init(half, secret, #secret, params) == 1)
	assert(crypto.EVP_MAC_update(half, body_head, #body_head) == 1)
end

function request()
	local key = new_key()
	local rest = tail:format(key, key)
	local ctx = crypto.EVP_MAC_CTX_dup(half)
	crypto.EVP_MAC_update(ctx, rest, #rest)
	crypto.EVP_MAC_final(ctx, mac, mac_size, 32)
	crypto.EVP_MAC_CTX_free(ctx)
	local digits = {}
	for i = 0, 31 do digits[i + 1] = hex[mac[i]] end
	return head .. table.concat(digits) .. "\r\n\r\n" .. body_head .. rest
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format(
		'\nRESULT {"requests": %d, "microseconds": %d, "errors": %d, "p50": %d, "p99": %d, "p999": %d, "max": %d}\n',
		summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
		latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
