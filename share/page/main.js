// SPDX-License-Identifier: ISC
// The page: its state is its URL, and each part shows its share of that.
import {createDetail} from "./detail.js";
import {by} from "./dom.js";
import {createFilters} from "./filters.js";
import {listen} from "./keys.js";
import {createList} from "./list.js";
import {nothing} from "./nothing.js";
import {createSpark} from "./spark.js";
import {createSummary} from "./summary.js";
import {format, parse, ROOT, same} from "./url.js";

let state = parse(location), charts = null, taught = "";

const summary = createSummary({changed: told});
const list = createList({
	saw: (event) => summary.saw(event.event),
	state: (error) => summary.connection(error),
	empty: (filters) => nothing(filters, summary.latest(), () => go({filters: {}})),
	changed: () => summary.refresh(),
});
const detail = createDetail({summary, state: () => state, go, changed: () => list.refresh()});
const filters = createFilters({go: (wanted) => go({filters: wanted})});
const spark = createSpark(() => go({charts: state.charts ? null : "day"}));

// What a new summary changes.
function told(latest) {
	filters.offer(summary.names(), summary.events(), latest.bodies);
	spark.show(latest.today);
	by("rows").classList.toggle("many", summary.names().size > 1);
	detail.summary();
	if (taught !== (taught = JSON.stringify(latest.endpoints)))
		list.teach();
}

async function showCharts() {
	by("charts").hidden = !state.charts;
	spark.open(Boolean(state.charts));
	if (!state.charts && !charts)
		return;
	charts ??= await import("./charts.js");
	await charts.show(by("charts"), state, go);
}

// Shows the state; before: the state until now.
function show(before) {
	document.body.classList.toggle("opened", Boolean(state.id) || state.tab === "overview");
	list.shown();
	filters.show(state.filters);
	if (!before || !same(before.filters, state.filters))
		list.load(state.filters, state.id);
	else if (before.id !== state.id)
		list.select(state.id);
	if (!before || before.id !== state.id || before.tab !== state.tab)
		detail.show(state.id, state.tab);
	if (before?.charts !== state.charts)
		showCharts();
}

// Goes to another state: what `change` leaves out stays. A text that is being typed is one step of the history.
function go(change) {
	const before = state;
	const typing = document.activeElement === by("text") && before.filters.text && change.filters?.text;
	state = parse(new URL(format({...state, ...change}), ROOT));
	const url = format(state);
	if (url === format(before))
		return;
	history[typing ? "replaceState" : "pushState"](null, "", url);
	show(before);
}

addEventListener("popstate", () => {
	const before = state;
	state = parse(location);
	show(before);
});

// Links of the page itself change its state without loading it anew.
document.addEventListener("click", (event) => {
	const link = event.target.closest?.("a[href]");
	if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target)
		return;
	const url = new URL(link.href);
	const path = url.pathname.slice(ROOT.pathname.length);
	if (url.origin !== ROOT.origin || !url.pathname.startsWith(ROOT.pathname) || !/^(?:event\/r?[0-9]+)?$/.test(path))
		return;
	event.preventDefault();
	const before = state;
	const wanted = parse(url);
	if (wanted.tab === "overview")
		wanted.filters = state.filters;
	state = {...wanted, charts: link.id === "home" ? null : wanted.charts ?? state.charts};
	if (format(state) !== format(before))
		history.pushState(null, "", format(state));
	show(before);
	if (state.id && state.id !== before.id)
		by("detail").focus({preventScroll: true});
});

document.addEventListener("click", (event) => {
	for (const menu of document.querySelectorAll("details.menu[open]"))
		if (!menu.contains(event.target) || event.target.closest("div > button"))
			menu.open = false;
});

function escape() {
	if (document.activeElement === by("text"))
		by("list").querySelector("a")?.focus();
	else if (document.querySelector("details.menu[open]"))
		document.querySelector("details.menu[open]").open = false;
	else if (state.id || state.tab)
		go({id: null, tab: null});
}

listen({
	"/": () => by("text").select(),
	j: () => list.move(1),
	k: () => list.move(-1),
	y: () => detail.copyCurl(),
	r: () => detail.retry(),
	Escape: escape,
});
by("home").href = format({});
document.title = "hookspool";
show(null);
summary.start();
