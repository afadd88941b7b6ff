// SPDX-License-Identifier: ISC
// The day as a row of small bars: the button that opens the charts.
import {get} from "./api.js";
import {by, el, svg} from "./dom.js";
import {count} from "./time.js";

const EVERY = 60000; // ms

// bars: numbers, the oldest first
function picture(bars) {
	const most = Math.max(1, ...bars);
	const high = (n) => n ? Math.max(1, Math.round(n * 20 / most)) : 0;
	return svg("svg.spark", {viewBox: `0 0 ${bars.length * 4} 20`, preserveAspectRatio: "none", "aria-hidden": "true"},
		bars.map((n, i) => svg("rect", {x: i * 4, width: 3, y: 20 - high(n), height: high(n)})));
}

// charts: opens or closes the charts.
export function createSpark(charts) {
	const bars = el("span"), words = el("span");
	const node = el("button.today", {type: "button", "aria-expanded": "false", "aria-controls": "charts", title: "charts", onclick: charts}, bars, words);
	let timer = null;
	by("filters").append(node);

	async function read() {
		clearTimeout(timer);
		try {
			const {series} = await get("chart.json", {of: "rate", span: "day"});
			const totals = series[0].values.map((_, i) => series.reduce((sum, {values}) => sum + (values[i] ?? 0), 0));
			const step = Math.ceil(totals.length / 24);
			bars.replaceChildren(picture(Array.from({length: Math.ceil(totals.length / step)}, (_, i) =>
				totals.slice(i * step, (i + 1) * step).reduce((sum, n) => sum + n, 0))));
		} catch {
			bars.replaceChildren();
		}
		timer = setTimeout(read, document.hidden ? 10 * EVERY : EVERY);
	}

	read();
	return {
		show(today) {
			words.textContent = `${count(today.stored)} today`;
		},
		open: (on) => node.setAttribute("aria-expanded", String(on)),
	};
}
