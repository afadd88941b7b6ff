// SPDX-License-Identifier: ISC
// The top line: is it working? What is well is grey and quiet; what needs a hand has colour and leads to the place that mends it.
import {Failure, get} from "./api.js";
import {by, el} from "./dom.js";
import {line} from "./text.js";
import {bytes, count, span} from "./time.js";
import {format} from "./url.js";

const EVERY = 5000; // ms
const LATE_MS = 5 * 60 * 1000; // a pending delivery that is older needs a look

const quiet = (text) => el("span", {}, el("span.dot", {"aria-hidden": "true"}), text);

function alarm(text, {colour = "bad", href = format({tab: "overview"})} = {}) {
	return el(`a.${colour}`, {href}, el("span", {"aria-hidden": "true"}, colour === "bad" ? "✗ " : "▲ "), text);
}

function sinkItem(sink) {
	const parts = [];
	const age = sink.oldest ? Date.now() - new Date(sink.oldest) : 0;
	if (sink.paused_until)
		parts.push("paused");
	if (sink.pending && (age > LATE_MS || sink.paused_until))
		parts.push(`${count(sink.pending)} pending, oldest ${span(age)}`);
	if (sink.dead)
		parts.push(`${count(sink.dead)} dead`);
	return parts.length ? alarm([line(sink.name), " ", parts.join(", ")], {colour: "warn"}) : null;
}

// What the states of the receiver and the relay look like.
const RECEIVER = {
	up: () => [quiet("receiving")],
	cgi: () => [quiet("receiving by CGI")],
	unknown: () => [el("span", {}, "receiver in another container")],
	stopped: () => [alarm("the receiver is stopped: continue it")],
	down: () => [alarm("no receiver runs: start it")],
};
const RELAY = {
	up: () => [quiet("relay")],
	unknown: () => [el("span", {}, "relay in another container")],
	down: () => [alarm("no relay runs: start it")],
};

// told: {changed(latest)}
export function createSummary(told) {
	let latest = null, error = null, timer = null, running = false, wanted = false;
	const events = new Set();

	function items() {
		if (error)
			return [alarm(error.status === 401 || error.status === 403 ? "Not allowed any more: load the page again" : "No connection to the page's server; trying again")];
		if (!latest)
			return [];
		const sinks = latest.sinks.map(sinkItem);
		return [
			...RECEIVER[latest.receiver]?.() ?? [],
			...RELAY[latest.relay]?.() ?? [],
			...sinks,
			latest.disk.low ? alarm(`disk: ${bytes(latest.disk.free_bytes)} left`) : el("span", {}, `disk ${bytes(latest.disk.free_bytes)}`),
		];
	}

	function draw() {
		const node = by("status");
		const next = el("p", {}, items());
		if (node.textContent !== next.textContent || !latest)
			node.replaceChildren(...next.childNodes);
	}

	async function read() {
		if (running) {
			wanted = true;
			return;
		}
		running = true;
		clearTimeout(timer);
		try {
			latest = await get("summary.json");
			error = null;
			draw();
			told.changed(latest);
		} catch (failure) {
			if (failure instanceof Failure)
				error = failure;
			draw();
			if (!(failure instanceof Failure))
				throw failure;
		} finally {
			running = false;
			timer = setTimeout(() => document.hidden ? document.addEventListener("visibilitychange", read, {once: true}) : read(), wanted ? 1000 : EVERY);
			wanted = false;
		}
	}

	return {
		start: read,
		latest: () => latest,
		// path: name of each endpoint
		names: () => new Map((latest?.endpoints ?? []).map(({path, name}) => [path, name || path])),
		events: () => events,
		saw: (event) => event && events.size < 200 && events.add(event),
		// The connection of the list failed, or is well again (null).
		connection(failure) {
			if (!failure === !error)
				return;
			error = failure;
			draw();
		},
		refresh() {
			wanted = true;
		},
	};
}
