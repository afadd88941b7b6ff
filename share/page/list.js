// SPDX-License-Identifier: ISC
// The live list. It never moves under a reader: new rows come in by themselves only at the top of a list that nobody has scrolled.
import {Failure, get} from "./api.js";
import {by, button, el} from "./dom.js";
import {row} from "./row.js";
import {ago, exact, short, time} from "./time.js";

const PAGE = 100; // rows that are read at a time
const WAIT = 25; // seconds that the server holds a poll
const AGAIN = 5000; // ms until a list that could not be read is read again
const BUSY = 2000; // ms until the next poll, when too many pages wait already
const HELD = 500; // new rows that are held back; of more, only the number is known
const ROWS = 3000; // rows of the document; the oldest go when new ones come

// Makes the list. told: {state(error or null): of the connection, empty(filters): node, changed(): after new rows, saw(event): each row}
export function createList(told) {
	const pane = by("list"), rows = by("rows"), more = by("new"), end = by("end");
	let filters = {}, selected = null, batches = [], held = [], heldCount = 0, newest = null, oldest = null;
	let atEnd = false, searchedTo = null; // nothing is older; the search stopped at that time
	let loading = null, polling = null, seen = new Set();
	let place = 0; // where the reader has scrolled to, also while a phone hides the list

	const reading = () => place > 4 || (rows.contains(document.activeElement) && document.activeElement !== rows.querySelector("a"));

	function make(event) {
		const item = row(event, filters);
		told.saw(event);
		if (event.id === selected)
			item.firstChild.setAttribute("aria-current", "true");
		return item;
	}

	const unseen = (events) => events.filter(({id}) => !seen.has(id) && seen.add(id));

	function showNew() {
		more.hidden = heldCount === 0;
		more.textContent = `▲ ${heldCount} new`;
		document.title = heldCount ? `(${heldCount}) hookspool` : "hookspool";
	}

	// The newest row's time is relative, and the others' is the hour.
	function freshen() {
		const first = rows.querySelector("time");
		for (const old of rows.querySelectorAll("time.fresh"))
			if (old !== first) {
				old.classList.remove("fresh");
				old.textContent = short(new Date(old.dateTime));
			}
		if (first) {
			const at = new Date(first.dateTime), young = Date.now() - at < 100 * 60 * 1000;
			first.classList.add("fresh");
			first.textContent = young ? ago(at) : short(at);
		}
	}

	function trim() {
		while (rows.children.length > ROWS && batches.length > 1) {
			const gone = batches.pop();
			for (const item of gone.items) {
				seen.delete(item.dataset.id);
				item.remove();
			}
			oldest = batches.at(-1).oldest;
			atEnd = false;
			searchedTo = null;
		}
	}

	function toPlace(wanted) {
		place = wanted;
		if (pane.scrollTop !== wanted)
			pane.scrollTop = wanted;
	}

	// Puts what was held back at the top.
	function release() {
		if (heldCount > HELD)
			return load(filters, selected);
		for (const batch of held) {
			batch.items = batch.events.map(make);
			rows.prepend(...batch.items);
			batches.unshift(batch);
		}
		held = [];
		heldCount = 0;
		toPlace(0);
		trim();
		showNew();
		freshen();
		showEnd();
		told.changed();
	}

	function take(answer) {
		newest = answer.newest ?? newest;
		const events = unseen(answer.events);
		if (!events.length)
			return;
		heldCount += events.length;
		if (heldCount <= HELD)
			held.push({events, oldest: answer.oldest});
		else
			held = [];
		reading() ? showNew() : release();
	}

	function showEnd() {
		end.replaceChildren();
		if (searchedTo)
			end.append(el("p.note", {}, "Looked back to ", time(searchedTo, exact), ". ", button("Look further", older)));
		else if (!atEnd)
			end.append(button("Older", older, {class: "more"}));
		else if (!rows.children.length)
			end.append(told.empty(filters));
	}

	function append(answer) {
		const events = unseen(answer.events);
		const items = events.map(make);
		rows.append(...items);
		batches.push({items, oldest: answer.oldest});
		oldest = answer.oldest ?? oldest;
		searchedTo = answer.searched_to ?? null;
		atEnd = !answer.more && !searchedTo;
		freshen();
		showEnd();
	}

	async function older() {
		if (atEnd || loading)
			return;
		await read({before: oldest});
	}

	async function read(parameters) {
		const mine = loading = new AbortController();
		try {
			const answer = await get("events.json", {...filters, limit: PAGE, ...parameters}, mine.signal);
			if (loading === mine)
				append(answer);
			told.state(null);
			return answer;
		} catch (error) {
			if (error.name !== "AbortError") {
				told.state(error);
				end.replaceChildren(el("p.note", {}, error.message, " ", button("Try again", () => rows.children.length ? older() : load(filters, selected))));
			}
			return null;
		} finally {
			if (loading === mine)
				loading = null;
		}
	}

	const pause = (ms) => new Promise((done) => setTimeout(done, ms));
	const shown = () => document.visibilityState === "visible" ? null
		: new Promise((done) => document.addEventListener("visibilitychange", done, {once: true}));

	// Long polling: one request waits at the server, and its answer is the next rows.
	async function poll() {
		const mine = polling = new AbortController();
		let wait = 1000;
		while (polling === mine) {
			await shown();
			try {
				const answer = await get("events.json", {...filters, limit: PAGE, after: newest, wait: WAIT}, mine.signal);
				if (polling !== mine)
					return;
				take(answer);
				told.state(null);
				wait = 1000;
				if (answer.busy)
					await pause(BUSY);
			} catch (error) {
				if (error.name === "AbortError" || polling !== mine)
					return;
				told.state(error);
				if (error instanceof Failure && (error.status === 401 || error.status === 403))
					return;
				await pause(wait);
				wait = Math.min(wait * 2, 30000);
			}
		}
	}

	// Reads the list anew.
	async function load(wanted, id) {
		loading?.abort();
		polling?.abort();
		loading = polling = null;
		({filters, selected} = {filters: wanted, selected: id});
		batches = [];
		held = [];
		heldCount = 0;
		seen = new Set();
		rows.replaceChildren();
		end.replaceChildren();
		toPlace(0);
		showNew();
		const answer = await read({});
		if (filters !== wanted)
			return;
		if (!answer)
			setTimeout(() => filters === wanted && !polling && load(wanted, selected), AGAIN);
		else {
			newest = answer.newest;
			poll();
		}
	}

	function select(id) {
		selected = id;
		rows.querySelector("[aria-current]")?.removeAttribute("aria-current");
		rows.querySelector(`li[data-id="${CSS.escape(id ?? "")}"] a`)?.setAttribute("aria-current", "true");
	}

	// Moves the focus by rows; from outside the list it goes to the selected row, or the first.
	function move(by) {
		const links = [...rows.querySelectorAll("a")];
		const at = links.indexOf(document.activeElement);
		const from = at >= 0 ? at : links.findIndex((link) => link.hasAttribute("aria-current"));
		const to = links[from < 0 ? 0 : Math.min(links.length - 1, Math.max(0, from + by))];
		to?.focus({preventScroll: true});
		to?.scrollIntoView({block: "nearest"});
		if (to === links.at(-1))
			older();
	}

	more.addEventListener("click", () => {
		release();
		rows.querySelector("a")?.focus({preventScroll: true});
	});
	pane.addEventListener("scroll", () => {
		if (!pane.clientHeight)
			return;
		place = pane.scrollTop;
		if (place === 0 && heldCount)
			release();
	}, {passive: true});
	new IntersectionObserver((entries) => {
		if (entries.some((entry) => entry.isIntersecting) && rows.children.length && !searchedTo)
			older();
	}, {root: pane, rootMargin: "600px"}).observe(end);
	setInterval(freshen, 1000);

	// What an empty list says, once more is known.
	function teach() {
		if (!rows.children.length && atEnd)
			showEnd();
	}

	return {load, select, move, teach, shown: () => toPlace(place), refresh: () => load(filters, selected)};
}
