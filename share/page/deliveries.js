// SPDX-License-Identifier: ISC
// The deliveries of an event to sinks: state, next attempt, and the attempts as a time line.
import {actionButton} from "./actions.js";
import {command} from "./command.js";
import {el} from "./dom.js";
import {line, long} from "./text.js";
import {exact, plural, span, time} from "./time.js";

const MARKS = {delivered: ["✓", "ok"], dead: ["✗", "bad"], pending: ["…", "warn"]};

function result({status, error, ms} = {}) {
	const took = ms === undefined || ms === null ? "" : ` · ${ms} ms`;
	return [status ? String(status) : "", status && error ? " " : "", error ? line(error) : "", took];
}

// "next attempt in 40 s", counted down by tick().
function next(delivery) {
	const due = new Date(delivery.due);
	const node = el("span.due", {title: exact(due), "data-due": due.getTime()});
	countDown(node);
	return node;
}

function countDown(node) {
	const left = Number(node.dataset.due) - Date.now();
	node.textContent = left > 0 ? `next attempt in ${span(left)}` : "due now";
}

export function tick(within) {
	within.querySelectorAll(".due").forEach(countDown);
}

function words(delivery) {
	const last = delivery.tries?.length ? result(delivery.tries.at(-1)) : [];
	if (delivery.state === "delivered")
		return ["delivered", " · ", last, ` · attempt ${delivery.attempts}`];
	if (delivery.state === "dead")
		return ["given up after ", plural(delivery.attempts, "attempt"), " · ", last];
	return [delivery.paused_until ? ["its sink pauses until ", time(delivery.paused_until), " · "] : "", next(delivery), delivery.attempts ? [" · ", plural(delivery.attempts, "attempt"), ", last: ", last] : ""];
}

function attempt(one) {
	const good = !one.error && (!one.status || (one.status >= 200 && one.status < 300));
	return el(good ? "li.good" : "li.fail", {}, time(one.at, exact), " · ", result(one),
		one.answer ? el("pre", {}, long(one.answer, {first: 400})) : "");
}

function delivery(one, summary, changed) {
	const [mark, colour] = MARKS[one.state] ?? ["?", "soft"];
	return el("li.delivery", {},
		el("div.line", {}, el(`span.${colour}`, {"aria-hidden": "true"}, mark), el("span.sink", {}, line(one.sink)), el("span.state", {}, words(one)),
			one.state !== "delivered" && actionButton(summary, {action: "retry", id: one.id}, changed),
			one.state === "pending" && actionButton(summary, {action: "drop", id: one.id}, changed)),
		one.tries?.length ? el("ol.attempts", {}, one.tries.map(attempt)) : "");
}

const EXAMPLE = 'sink "slack" {\n  url-file = "/etc/hookspool/sinks/slack.url"\n  body = \'{"text":"{{hookspool.text}}"}\'\n}\n' +
	'endpoint "/webhook/linkedin" {\n  secret-file = {"linkedin.secret"}\n  relay = {"slack"}\n}';

export function showDeliveries(event, summary, changed) {
	const latest = summary.latest();
	const list = event.deliveries ?? [];
	const noRelay = latest?.relay === "down" && list.some(({state}) => state === "pending");
	return [
		noRelay && el("div.cause.warn", {}, "The relay is not running; what is pending waits for it.", command("systemctl start hookspool-relay")),
		list.length ? el("ul", {}, list.map((one) => delivery(one, summary, changed)))
			: el("div", {}, el("p.soft", {}, latest?.sinks?.length ? "This event went to no sink: its endpoint names none in relay, or their filters left it out."
				: ["No sink is configured. This one sends each event to Slack:"]),
				!latest?.sinks?.length && command(EXAMPLE)),
	];
}
