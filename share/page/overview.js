// SPDX-License-Identifier: ISC
// What the right side shows without a selection: what does not run, deliveries by sink and age, dead letters, secrets, callers, room.
import {actionButton} from "./actions.js";
import {get} from "./api.js";
import {command} from "./command.js";
import {el} from "./dom.js";
import {cell, line} from "./text.js";
import {bytes, count, plural, time} from "./time.js";
import {format} from "./url.js";

const EVERY = 10000; // ms
const CALLERS = 8; // of each kind, that are shown

function table(caption, heads, rows) {
	return el("div.table", {tabindex: "0", role: "group", "aria-label": caption},
		el("table", {}, el("thead", {}, el("tr", {}, heads.map(([text, numeric]) => el(numeric ? "th.n" : "th", {scope: "col"}, text)))),
			el("tbody", {}, rows)));
}

const number = (n) => el(n ? "td.n" : "td.n.zero", {}, n ? count(n) : "·");
const minutes = (n) => n === null ? "older" : n < 60 ? `<${n} min` : n < 1440 ? `<${n / 60} h` : `<${n / 1440} d`;

// Neighbouring ages that are empty in all sinks are left out, so that the table stays narrow.
function ageTable(sinks) {
	const used = sinks[0].ages.map((_, i) => sinks.some((sink) => sink.ages[i].n > 0));
	const heads = [["pending by age"], ...sinks[0].ages.filter((_, i) => used[i]).map(({below_min}) => [minutes(below_min), true]), ["all", true], ["dead", true]];
	return table("Pending deliveries by sink and age", heads, sinks.map((sink) => el("tr", {}, el("th", {scope: "row"}, line(sink.name)),
		sink.ages.filter((_, i) => used[i]).map(({n}) => number(n)), number(sink.pending), number(sink.dead.reduce((sum, {n}) => sum + n, 0) || sink.dead.length))));
}

const paused = (sink, act) => el("p", {}, el("span.warn", {"aria-hidden": "true"}, "▲ "), line(sink.name), ` pauses after ${plural(sink.failures, "failure")} in a row, until `,
	time(sink.paused_until), ". ", act("retry", {sink: sink.name}, "retry now"));

// Dead letters of one cause: its retry brings back all of the sink.
function deadTable(sinks, act) {
	return table("Dead letters by cause", [["dead"], ["", true], ["cause"], [""]], sinks.flatMap((sink) => sink.dead.map((group, i) => el("tr", {},
		el("th", {scope: "row"}, line(sink.name)), number(group.n), el("td", {}, group.status ? `${group.status} ` : "", cell(group.error)),
		el("td", {}, i === 0 && act("retry", {sink: sink.name}, sink.dead.length > 1 ? "retry all" : "retry"))))));
}

const STATES = {unused: ["never matched", "soft"], in_use: ["in use", "ok"], keep: ["replaced; keep it three days more", "soft"], removable: ["can be removed", "warn"]};

function secretTable(secrets) {
	return table("Secrets", [["secret"], ["endpoint"], ["state"], ["matched last"]], secrets.map((one) => {
		const [words, colour] = STATES[one.state] ?? [one.state, "soft"];
		return el("tr", {}, el("th", {scope: "row", title: one.name}, `${one.number} · `, line(one.name.replace(/^.*\//, ""))), el("td", {}, line(one.endpoint_name ?? one.endpoint)),
			el(`td.brief.${colour}`, {}, words), el("td.brief", {}, one.last_at ? time(one.last_at) : "–"));
	}));
}

function callerTable(callers) {
	const row = (one, words, colour) => el("tr", {}, el("th.mono", {scope: "row"}, line(one.address ?? "unknown")), el("td", {}, el(`span.${colour}`, {}, words)),
		number(one.n), el("td", {}, time(one.last_at)), el("td", {}, perHour(one)));
	return table("Callers", [["address"], [""], ["deliveries", true], ["last"], ["rate"]],
		[...callers.stored.slice(0, CALLERS).map((one) => row(one, "✓ stored", "ok")), ...callers.refused.slice(0, CALLERS).map((one) => row(one, "✗ refused", "bad"))]);
}

function perHour({n, first_at, last_at}) {
	const ms = new Date(last_at) - new Date(first_at);
	return n < 2 || ms < 60000 ? "" : n / ms * 3600000 >= 120 ? `${count(Math.round(n / ms * 60000))} a minute` : `${count(Math.max(1, Math.round(n / ms * 3600000)))} an hour`;
}

// What does not run, and how to start it.
function trouble(latest) {
	const parts = [];
	if (latest.receiver === "down")
		parts.push(el("div.cause", {}, el("p", {}, "No receiver runs: deliveries are answered 502 by the web server. Start it:"), command("systemctl start hookspool.socket hookspool.service")));
	if (latest.receiver === "stopped")
		parts.push(el("div.cause", {}, el("p", {}, "The receiver is stopped by a signal. Let it go on:"), command("systemctl kill -s CONT hookspool.service")));
	if (latest.relay === "down")
		parts.push(el("div.cause.warn", {}, el("p", {}, "No relay runs: what is pending waits for it. Start it:"), command("systemctl start hookspool-relay.service")));
	if (latest.disk.low)
		parts.push(el("div.cause", {}, el("p", {}, `The spool's disk has ${bytes(latest.disk.free_bytes)} left. Delete what is older than keep:`), command("hookspool purge")));
	return parts;
}

const SINK = 'sink "slack" {\n  url-file = "/etc/hookspool/sinks/slack.url"\n  body = \'{"text":"{{hookspool.text | mrkdwn | truncate 3000}}"}\'\n}';

function sinkParts(sinks, act) {
	if (!sinks.length)
		return [el("p.soft", {}, "No sink is configured: events are stored, and sent nowhere. This one sends them to Slack, for endpoints with relay = {\"slack\"}:"), command(SINK)];
	const dead = sinks.filter((sink) => sink.dead.length);
	return [ageTable(sinks), sinks.filter((sink) => sink.paused_until).map((sink) => paused(sink, act)), dead.length ? deadTable(dead, act) : ""];
}

// given: {summary, filters(): of the list}
export function createOverview({summary, filters}) {
	let place = null, timer = null, told = {sinks: null, secrets: null, callers: null}, drawn = "";

	const act = (action, what, text) => actionButton(summary, {action, ...what}, read, text);

	function draw() {
		const latest = summary.latest();
		if (!place || !latest)
			return;
		const key = JSON.stringify([told, latest.receiver, latest.relay, latest.disk.low, latest.actions]);
		if (key === drawn)
			return;
		drawn = key;
		const {sinks, secrets, callers} = told;
		const focus = document.activeElement?.getAttribute?.("aria-label");
		place.replaceChildren(el("div.inner.overview", {}, el("a.back", {href: format({filters: filters()})}, "← all"), trouble(latest),
			sinks && [el("h2", {}, "Deliveries to sinks"), sinkParts(sinks.sinks, act), !sinks.complete && el("p.soft", {}, "There are more than could be counted in time.")],
			secrets?.secrets.length ? [el("h2", {}, "Secrets"), secretTable(secrets.secrets)] : "",
			callers && (callers.stored.length || callers.refused.length) ? [el("h2", {}, "Who called"), callerTable(callers),
				el("p.soft", {}, `Of the newest ${count(callers.looked_at)} events, and as many refused deliveries.`)] : "",
			el("h2", {}, "Spool"), el("p", {}, `${bytes(latest.disk.spool_bytes)} used, ${bytes(latest.disk.free_bytes)} free`,
				el("span.soft", {}, ` · hookspool ${latest.version}${latest.user ? " · you are " : ""}`), latest.user && el("span.soft", {}, line(latest.user)))));
		if (focus)
			place.querySelector(`[aria-label="${CSS.escape(focus)}"]`)?.focus({preventScroll: true});
	}

	async function read() {
		clearTimeout(timer);
		if (!place)
			return;
		const answers = await Promise.allSettled(["sinks.json", "secrets.json", "callers.json"].map((path) => get(path)));
		const [sinks, secrets, callers] = answers.map((answer) => answer.status === "fulfilled" ? answer.value : null);
		told = {sinks: sinks ?? told.sinks, secrets: secrets ?? told.secrets, callers: callers ?? told.callers};
		draw();
		timer = setTimeout(read, document.hidden ? 6 * EVERY : EVERY);
	}

	return {
		show(where) {
			place = where;
			drawn = "";
			place.replaceChildren();
			draw();
			read();
		},
		hide() {
			place = null;
			clearTimeout(timer);
		},
		summary: draw,
	};
}
