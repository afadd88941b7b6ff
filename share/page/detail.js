// SPDX-License-Identifier: ISC
// The right side: one event, one refused delivery, or without a selection the overview.
import {perform} from "./actions.js";
import {get} from "./api.js";
import {showBody} from "./body.js";
import {copy} from "./copy.js";
import {showDeliveries, tick} from "./deliveries.js";
import {by, button, el, toast} from "./dom.js";
import {createOverview} from "./overview.js";
import {outcome} from "./outcomes.js";
import {command} from "./command.js";
import {pastes} from "./shell.js";
import {line, long} from "./text.js";
import {bytes, exact, plural, time} from "./time.js";
import {format} from "./url.js";

const AGAIN = 3000; // ms after which an event with a pending delivery is read again

const refused = (event) => event.kind === "refused";

function facts(event) {
	const parts = [time(event.received_at, exact), line(event.endpoint || event.path), event.name && line(event.name),
		event.remote_addr && el("span", {}, "from ", line(event.remote_addr)), event.bytes !== undefined && bytes(event.bytes)].filter(Boolean);
	return el("p.facts", {}, parts.flatMap((part, i) => i ? [" · ", part] : [part]));
}

function verdict(event) {
	if (refused(event)) {
		const {status, words} = outcome(event.outcome);
		return el("p.verdict.bad", {}, "✗ ", status ? `${status} ` : "", line(event.reason || words));
	}
	const good = Boolean(event.secret);
	const secret = good ? [", secret ", event.secret.number, event.secret.name && [" (", el("span", {title: event.secret.name}, line(event.secret.name.replace(/^.*\//, ""))), ")"]] : "";
	return el("p.verdict", {}, el(good ? "span.ok" : "span.soft", {"aria-hidden": "true"}, good ? "✓ " : "· "), line(event.verdict), secret,
		event.came_at ? [` · came ${plural(event.came, "time")}, last `, time(event.came_at, exact)] : "");
}

const FIELDS = [["event", "Event"], ["sender", "Sender"], ["sender_id", "Sender's id"], ["account", "Account"], ["conversation", "Conversation"],
	["sent_at", "Sent"], ["source", "Source"], ["key", "Dedupe key"], ["note", "Note"]];

function message(event) {
	return [
		event.text ? el("div.message", {}, long(event.text)) : "",
		el("dl.fields", {}, FIELDS.filter(([name]) => event[name]).map(([name, label]) => [el("dt", {}, label), el("dd", {}, line(event[name]))])),
	];
}

const commandOf = (event, name) => event.commands?.find((one) => one.name === name)?.command;

const EXPLAINED = [["verdict", "Verdict now"], ["scheme", "Scheme"], ["header", "Signature's header"], ["received", "Signature received"], ["signs", "Scheme signs"],
	["signed_at", "Signed at"]];

// The likely cause; what was tried, where the bytes were kept; and how to mend it.
function reason(event) {
	const known = outcome(event.outcome);
	const more = event.explain ?? {};
	const found = more.cause && !/^not found/.test(more.cause);
	const explain = commandOf(event, "explain"), accept = commandOf(event, "accept");
	return [
		el("div.cause", {}, found ? ["The likely cause: ", long(more.cause), "."] : known.cause ?? line(event.meaning ?? event.reason)),
		known.todo && !found ? [el("p", {}, known.todo), command(known.command)] : "",
		explain ? [el("p", {}, "What was signed, and what was expected:"), command(explain)] : "",
		accept ? [el("p", {}, "Once that is mended, take the delivery in:"), command(accept)] : "",
		el("dl.fields", {}, [["method", "Method"], ["path", "Path"], ["content_type", "Content-Type"], ["remote_addr", "From"]]
			.filter(([name]) => event[name]).map(([name, label]) => [el("dt", {}, label), el("dd", {}, line(event[name]))]),
			EXPLAINED.filter(([name]) => more[name]).map(([name, label]) => [el("dt", {}, label), el("dd", {}, long(more[name]))])),
	];
}

function headers(event) {
	return event.headers?.length ? el("dl.fields.mono", {}, event.headers.map(({name, value}) => [el("dt", {}, line(name)), el("dd", {}, line(value))]))
		: el("p.soft", {}, "No header was kept.");
}

function tabsOf(event) {
	if (refused(event))
		return [["reason", "Reason"], ["body", "Body"], ["headers", "Headers"]];
	const n = event.deliveries?.length ?? 0;
	return [["message", "Message"], ["body", "Body"], ["headers", "Headers"], ["deliveries", n ? `Deliveries (${n})` : "Deliveries"]];
}

// given: {summary, state(): of the page, go(change), changed(): after an action}
export function createDetail({summary, state, go, changed}) {
	const place = by("detail"), overview = createOverview({summary, filters: () => state().filters});
	let event = null, wanted = null, tab = null, mode = "pretty", timer = null, reading = null;

	const json = () => format({id: event.id}).replace(/$/, ".json");

	function copyMenu() {
		const items = [commandOf(event, "curl") && button("as curl", () => copyCurl()),
			...(event.commands ?? []).filter(({name}) => name !== "curl").map(({command}) => button(`as ${command}`, () => copy(command)))];
		items.push(button("as JSON", () => copy(JSON.stringify(event, null, 2), "the event as JSON")),
			button("link", () => copy(new URL(format({id: event.id}), location.href).href, "the link")));
		return el("details.menu", {}, el("summary", {}, "copy ▾"), el("div", {}, items));
	}

	function actionButtons() {
		if (refused(event))
			return commandOf(event, "accept") ? button("accept", () => act("accept")) : "";
		return button("replay", () => act("replay"));
	}

	function content(which) {
		switch (which) {
		case "body":
			return showBody(event, mode, (other) => {
				mode = other;
				draw();
			}, summary.latest()?.bodies === false);
		case "headers":
			return headers(event);
		case "deliveries":
			return showDeliveries(event, summary, reread);
		case "reason":
			return reason(event);
		default:
			return message(event);
		}
	}

	function draw() {
		const tabs = tabsOf(event);
		const which = tabs.some(([name]) => name === tab) ? tab : tabs[0][0];
		const link = ([name, text]) => el("a", {href: format({...state(), tab: name === tabs[0][0] ? null : name}), "aria-current": name === which ? "page" : null}, text);
		place.replaceChildren(el("div.inner", {},
			el("a.back", {href: format({...state(), id: null, tab: null})}, "← all"),
			el("div.head", {}, el("h1", {}, refused(event) ? `refused delivery ${event.id.slice(1)}` : `event ${event.id}`),
				actionButtons(), copyMenu(), el("a", {href: json(), target: "_blank", rel: "noopener", class: "json-link"}, "JSON")),
			facts(event), verdict(event),
			el("nav.tabs", {"aria-label": "Parts"}, tabs.map(link)),
			el("div", {id: "part"}, content(which))));
	}

	const pending = () => event?.deliveries?.some((one) => one.state === "pending");

	async function read(id, again) {
		reading?.abort();
		clearTimeout(timer);
		const mine = reading = new AbortController();
		try {
			const answer = await get(`event/${id}.json`, {}, mine.signal);
			if (wanted !== id || reading !== mine)
				return;
			const first = !again;
			const differs = first || JSON.stringify(answer.deliveries) !== JSON.stringify(event?.deliveries);
			event = answer;
			if (differs)
				draw();
			if (first)
				place.scrollTop = 0;
		} catch (error) {
			if (error.name === "AbortError" || again)
				return;
			event = null;
			place.replaceChildren(el("div.inner", {}, el("a.back", {href: format({...state(), id: null, tab: null})}, "← all"),
				el("p.note", {}, error.status === 404 ? `There is no ${id.startsWith("r") ? "refused delivery" : "event"} ${id.replace("r", "")} any more.` : line(error.message))));
		} finally {
			if (reading === mine && pending())
				timer = setTimeout(() => read(id, true), document.hidden ? 10 * AGAIN : AGAIN);
		}
	}

	const reread = () => event && read(event.id, true);

	function act(action) {
		perform(summary, {action, id: event.id}, (answer) => {
			changed();
			if (action === "accept" && answer.event)
				go({id: String(answer.event), tab: null});
			else
				reread();
		});
	}

	function copyCurl() {
		const text = event && commandOf(event, "curl");
		if (text && pastes(text))
			copy(text, "the delivery as curl");
		else if (event)
			toast(text ? "Its headers have control characters: a terminal would act on them." : "There is no curl for it: its bytes or its endpoint are missing, or curl cannot sign so.");
	}

	setInterval(() => tick(place), 1000);

	return {
		copyCurl,
		show(id, part) {
			const other = wanted !== id || !event;
			wanted = id;
			tab = part;
			if (!id) {
				event = null;
				reading?.abort();
				clearTimeout(timer);
				overview.show(place);
				return;
			}
			overview.hide();
			if (other) {
				event = null;
				mode = "pretty";
				read(id, false);
			} else {
				draw();
			}
		},
		summary() {
			if (!wanted)
				overview.summary();
		},
		retry() {
			if (!event)
				return;
			if (refused(event))
				return commandOf(event, "accept") ? act("accept") : toast("Its bytes were not kept.");
			const open = event.deliveries?.filter((one) => one.state !== "delivered") ?? [];
			if (!open.length)
				return toast(event.deliveries?.length ? `All ${plural(event.deliveries.length, "delivery")} are done.` : "There is nothing to retry.");
			for (const one of open)
				perform(summary, {action: "retry", id: one.id}, reread);
		},
	};
}
