// SPDX-License-Identifier: ISC
// One row of the list: an event, or a refused delivery.
import {el, spoken} from "./dom.js";
import {outcome} from "./outcomes.js";
import {cell} from "./text.js";
import {time} from "./time.js";
import {format} from "./url.js";

export const refused = (event) => event.kind === "refused";

function what(event) {
	if (!refused(event))
		return [el("span.mark.ok", {"aria-hidden": "true"}, "✓"), spoken("stored"), cell(event.event || "event")];
	const {status, words} = outcome(event.outcome);
	return [el("span.mark.bad", {"aria-hidden": "true"}, "✗"), spoken("refused"), status ? `${status} ` : "", cell(event.outcome === "unauthorized" && event.reason || words)];
}

// What is said of a refused delivery besides its outcome.
function more(event) {
	return [event.endpoint ? null : event.path, event.outcome === "unauthorized" ? null : event.reason].filter(Boolean).join(" · ");
}

// The link of a row, for the filters that the list has.
export function row(event, filters) {
	const link = el(refused(event) ? "a.row.refused" : "a.row", {href: format({filters, id: event.id})},
		el("span.when", {}, time(event.received_at)),
		el("span.what", {}, what(event)),
		el("span.where", {}, cell(event.name ?? event.endpoint)),
		el("span.who", {}, cell(refused(event) ? event.remote_addr : event.sender)),
		el("span.text", {}, cell(refused(event) ? more(event) : event.text ?? event.note)));
	return el("li", {"data-id": event.id}, link);
}
