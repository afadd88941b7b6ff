// SPDX-License-Identifier: ISC
// Small charts above the list, drawn by uPlot when they are asked for. A click on a point shows its rows.
import {get} from "./api.js";
import {button, el, toast} from "./dom.js";
import {count, span} from "./time.js";
import {ROOT, format} from "./url.js";
import uPlot from "./uplot.js";

const SPANS = [["hour", "hour"], ["day", "day"], ["week", "week"]];
const CHARTS = [["rate", "Deliveries", (n) => count(n)], ["outcomes", "Refused, by outcome", (n) => count(n)], ["latency", "Answer time", ms], ["backlog", "Pending by sink", (n) => count(n)]];
const COLOURS = ["--ok", "--link", "--bad", "--warn", "--number", "--soft"];
const HIGH = 110; // px
const EVERY = 30000; // ms

function ms(n) {
	if (n === 0)
		return "0";
	return n < 10 ? `${n.toFixed(1)} ms` : n < 1000 ? `${Math.round(n)} ms` : span(n);
}

const two = (n) => String(n).padStart(2, "0");

// The hour, or at midnight the day.
function hourOrDay(seconds) {
	const d = new Date(seconds * 1000);
	return d.getHours() || d.getMinutes() ? `${two(d.getHours())}:${two(d.getMinutes())}` : `${d.getDate()}.${d.getMonth() + 1}.`;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

let plots = [], timer = null, wanted = null;

function stylesheet() {
	const href = new URL("static/uplot.css", ROOT).href;
	if (![...document.styleSheets].some((sheet) => sheet.href === href))
		document.head.prepend(el("link", {rel: "stylesheet", href}));
}

function draw(place, data, [of, title, words], go, state) {
	const soft = colour("--soft"), line = colour("--line");
	const axis = {stroke: soft, grid: {stroke: line, width: 1}, ticks: {show: false}, font: "11px system-ui"};
	const plot = new uPlot({
		width: place.clientWidth, height: HIGH, padding: [6, 4, 0, 0],
		cursor: {drag: {x: false, y: false}, points: {size: 6}},
		legend: {show: false},
		scales: {y: {range: (_, low, high) => [0, Math.max(high, 1)]}},
		axes: [{...axis, grid: {show: false}, size: 22, space: 60, values: (_, ticks) => ticks.map(hourOrDay)}, {...axis, size: 44, space: 28, values: (_, ticks) => ticks.map((n) => Number.isInteger(n) || n < 10 ? words(n) : "")}],
		series: [{}, ...data.series.map(({name}, i) => ({label: name, stroke: colour(COLOURS[i % COLOURS.length]), width: 1.5, points: {size: 4}}))],
	}, [data.times, ...data.series.map(({values}) => values)], place);
	place.addEventListener("click", () => {
		const at = plot.cursor.idx;
		if (at === null || at === undefined)
			return;
		const from = data.times[at] * 1000;
		const outcome = of === "outcomes" ? "refused" : state.filters.outcome;
		go({filters: {...state.filters, outcome, since: new Date(from).toISOString(), until: new Date(from + data.step * 1000).toISOString()}});
	});
	plots.push({plot, place});
}

// The values as text, for screen readers: the newest of each series.
function legend(data, words) {
	return el("p.legend", {}, data.series.map(({name, values}, i) => [el(`span.series.c${i % COLOURS.length}`, {}, name),
		` ${words(values.findLast((n) => n !== null) ?? 0)}  `]));
}

async function one(chart, state, go) {
	const [of, title, words] = chart;
	const box = el("div", {}, el("h2", {}, title));
	const data = await get("chart.json", {of, span: state.charts});
	if (!data.series.length || !data.times.length)
		box.append(el("p.soft", {}, "nothing yet"));
	return {box, show() {
		if (!data.series.length || !data.times.length)
			return;
		const place = el("div.plot");
		box.append(place, legend(data, words));
		draw(place, data, chart, go, state);
	}};
}

// Shows the charts of state.charts ("hour", "day" or "week"); null hides them.
export async function show(place, state, go) {
	clearTimeout(timer);
	wanted = state;
	if (!state.charts)
		return place.replaceChildren();
	stylesheet();
	try {
		const boxes = await Promise.all(CHARTS.map((chart) => one(chart, state, go)));
		if (wanted !== state)
			return;
		for (const {plot} of plots)
			plot.destroy();
		plots = [];
		place.replaceChildren(
			el("div.bar", {}, el("div.group", {role: "group", "aria-label": "Span"}, SPANS.map(([value, text]) =>
				el("a", {href: format({...state, charts: value}), "aria-current": value === state.charts ? "true" : null}, text))),
				el("span.soft", {}, "a click on a point shows its rows"), button("close", () => go({charts: null}))),
			el("div.small", {}, boxes.map(({box}) => box)));
		for (const box of boxes)
			box.show();
		timer = setTimeout(() => wanted === state && show(place, state, go), EVERY);
	} catch (error) {
		toast(error.message);
	}
}

addEventListener("resize", () => {
	for (const {plot, place} of plots)
		plot.setSize({width: place.clientWidth, height: HIGH});
});
