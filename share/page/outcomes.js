// SPDX-License-Identifier: ISC
// The outcomes of deliveries: HTTP status, words, the likely cause, and the command that mends it.

const OUTCOMES = {
	malformed: [400, "not a valid event", "The body is not JSON, or not what this endpoint's scheme sends. The place of the error is in the tab Body."],
	incomplete: [400, "body shorter than announced", "The sender broke off, or a proxy cut the body. Senders try again by themselves."],
	unauthorized: [401, "wrong signature", "The endpoint's secret is not the sender's, or a proxy changed the body.",
		"Put the secret that the provider's dashboard shows into the endpoint's secret-file, then reload:", "hookspool reload receiver"],
	forbidden: [403, "caller not allowed", "The address is not among the endpoint's allow. Behind a proxy, the web server must pass the caller's own address.",
		"Where the caller is the provider, add its network to the endpoint, then reload:", 'allow = {"192.0.2.0/24"}'],
	not_found: [404, "no such endpoint", "No endpoint of the configuration has this path. Compare it with the URL in the provider's dashboard.",
		"Correct the URL there, or add an endpoint with this path, then reload:", 'endpoint "/path" {\n  secret-file = {"provider.secret"}\n}'],
	method_not_allowed: [405, "not a POST", "Deliveries are sent with POST. A browser or a scanner asks with GET."],
	timeout: [408, "body too slow", "The body did not arrive in body-timeout.", "Where the sender is slow, give it more time, then reload:", 'body-timeout = "30s"'],
	too_large: [413, "body too large", "The body is larger than max-body of this endpoint. The web server has a limit of its own.",
		"Raise the endpoint's limit, then reload; nginx has client_max_body_size beside it:", 'max-body = "4m"'],
	unsupported_type: [415, "wrong Content-Type", "The endpoint takes other types of content. The provider's dashboard may let you choose JSON."],
	unsupported_encoding: [415, "packed body", "The signature must be that of the bytes as they are sent."],
	rate_limited: [429, "too many deliveries", "The address sent more than the endpoint's rate.", "Where it is the provider, raise the rate, then reload:", 'rate = "600/m"'],
	header_too_large: [431, "header too large", "The request's header is larger than 128 KiB."],
	busy: [503, "busy", "Too many bodies were arriving at a time.", "Let more arrive at a time, then restart the receiver:", "max-in-flight = 64"],
	unavailable: [503, "could not be stored", "The spool could not be written.", "Look at what is wrong with it:", "hookspool check"],
	unacknowledged: [503, "not acknowledged", "The sinks of store did not acknowledge it in time. The event is kept."],
};

// {status, words, cause, todo, command} of an outcome; of one that is unknown, its name.
export function outcome(code) {
	const [status, words, cause, todo, command] = OUTCOMES[code] ?? [null, code, null];
	return {status, words, cause, todo, command};
}

// What the filter offers: groups first, then each outcome.
export const CODES = Object.keys(OUTCOMES);
