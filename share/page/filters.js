// SPDX-License-Identifier: ISC
// The filters: each is part of the URL.
import {by, el} from "./dom.js";
import {CODES, outcome} from "./outcomes.js";
import {exact} from "./time.js";
import {format} from "./url.js";

const SPANS = [["1h", "last hour"], ["24h", "last 24 h"], ["7d", "last 7 days"], ["30d", "last 30 days"]];
const GROUPS = [["", "All"], ["stored", "Stored"], ["refused", "Refused"]];

const option = (value, text) => el("option", {value}, text);

function choice(name, label, options, onchange) {
	return el("select", {"aria-label": label, name, onchange}, options);
}

const words = (at) => Number.isNaN(Date.parse(at)) ? at : exact(new Date(at)).slice(0, 16);

// told: {go(filters), charts(): toggles the charts}. The text's filter is the search field of the top line.
export function createFilters(told) {
	let filters = {}, names = new Map(), timer;
	const set = (change) => told.go({...filters, ...change});
	const changed = (event) => set({[event.target.name]: event.target.value});
	const group = el("div.group", {role: "group", "aria-label": "Outcome"});
	const reason = choice("outcome", "Reason of the refusal",
		[option("refused", "any reason"), CODES.map((code) => option(code, `${outcome(code).status} ${outcome(code).words}`))], changed);
	const endpoint = choice("endpoint", "Endpoint", [], changed);
	const known = el("datalist", {id: "known-events"});
	const field = (name, label, given = {}) => el("input", {name, "aria-label": label, placeholder: label.toLowerCase(), autocomplete: "off",
		spellcheck: "false", maxlength: 200, onchange: changed, ...given});
	const event = field("event", "Event", {list: "known-events"});
	const sender = field("sender", "Sender"), account = field("account", "Account");
	const when = choice("since", "Time", [], (e) => set({since: e.target.value, until: ""}));
	const clear = el("a", {href: "./"}, "clear");
	const text = by("text");
	by("filters").append(group, reason, endpoint, event, known, sender, account, when, clear);

	text.addEventListener("input", () => {
		clearTimeout(timer);
		timer = setTimeout(() => set({text: text.value.trim()}), 300);
	});
	by("search").addEventListener("submit", (e) => {
		e.preventDefault();
		clearTimeout(timer);
		set({text: text.value.trim()});
	});

	function showGroup() {
		const refusedOnes = filters.outcome && !["stored", "duplicate"].includes(filters.outcome);
		group.replaceChildren(...GROUPS.map(([value, label]) => el("a", {
			href: format({filters: {...filters, outcome: value}}),
			"aria-current": value === (refusedOnes ? "refused" : filters.outcome ?? "") ? "true" : null,
		}, label)));
		reason.hidden = !refusedOnes;
		reason.value = filters.outcome ?? "refused";
	}

	function showTime() {
		const spans = [option("", "any time"), ...SPANS.map(([value, label]) => option(value, label))];
		if (filters.until || (filters.since && !SPANS.some(([value]) => value === filters.since)))
			spans.push(option(filters.since ?? "", `${words(filters.since ?? "")} – ${words(filters.until ?? "now")}`));
		when.replaceChildren(...spans);
		when.selectedIndex = filters.until ? spans.length - 1 : Math.max(0, spans.findIndex(({value}) => value === (filters.since ?? "")));
	}

	function showEndpoints() {
		const paths = new Set(names.keys());
		if (filters.endpoint)
			paths.add(filters.endpoint);
		endpoint.replaceChildren(option("", "endpoint"), ...[...paths].map((path) => option(path, names.get(path) ?? path)));
		endpoint.value = filters.endpoint ?? "";
		endpoint.hidden = paths.size < 2 && !filters.endpoint;
	}

	// A field that is being typed in keeps its blanks.
	function put(input, value = "") {
		if (input.value.trim() !== value)
			input.value = value;
		input.classList.toggle("set", Boolean(value));
	}

	function show(wanted) {
		filters = wanted;
		showGroup();
		showEndpoints();
		showTime();
		for (const input of [event, sender, account, text])
			put(input, filters[input.name]);
		endpoint.classList.toggle("set", Boolean(filters.endpoint));
		when.classList.toggle("set", Boolean(filters.since || filters.until));
		clear.hidden = Object.keys(filters).length === 0;
		clear.href = format({});
	}

	return {
		show,
		// endpoints: Map of path and name; events: names that the endpoints' events had; bodies: senders and texts are shown
		offer(endpoints, events, bodies) {
			names = endpoints;
			sender.hidden = by("search").hidden = !bodies;
			showEndpoints();
			known.replaceChildren(...[...events].sort().map((name) => option(name, name)));
		},
	};
}
