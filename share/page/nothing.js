// SPDX-License-Identifier: ISC
// What an empty list says: how to get a first event.
import {command} from "./command.js";
import {quote} from "./shell.js";
import {button, el} from "./dom.js";
import {line} from "./text.js";

// The list of these filters is empty. latest: the summary, or null.
export function nothing(filters, latest, clear) {
	if (Object.keys(filters).length)
		return el("p.note", {}, "Nothing matches these filters. ", button("Clear them", clear));
	if (!latest)
		return el("p.note", {}, "No event yet.");
	const endpoints = latest.endpoints;
	if (!endpoints.length)
		return el("div.note", {}, el("p", {}, "No event yet, and no endpoint in the configuration. This is one:"),
			command('endpoint "/webhook/linkedin" {\n  secret-file = {"linkedin.secret"}\n}'));
	return el("div.note", {}, el("p", {}, "No event yet. Enter this URL in the provider's dashboard:"),
		endpoints.slice(0, 5).map(({path}) => command(location.origin + path)),
		el("p", {}, "Or send a test event, signed as the provider would:"),
		command(`hookspool send ${quote(location.origin + endpoints[0].path)}`),
		el("p", {}, "It appears here within a second. Where it is refused, its reason appears: ", line("signature, path or size"), "."));
}
