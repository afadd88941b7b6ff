// SPDX-License-Identifier: ISC
// A body: as a tree, with the place of an error, and as its exact bytes.
import {copy} from "./copy.js";
import {button, el} from "./dom.js";
import {readJson} from "./json_read.js";
import {jsonTree} from "./json_view.js";
import {line, long} from "./text.js";
import {bytes} from "./time.js";

const DUMP = 4096; // bytes of a dump that are shown at first
const TREE = 4 << 20; // characters of JSON that are read here

function dumpLine(data, at) {
	const part = [...data.slice(at, at + 16)];
	const hex = part.map((b) => b.toString(16).padStart(2, "0")).join(" ").padEnd(48);
	return `${at.toString(16).padStart(8, "0")}  ${hex} ${part.map((b) => b > 0x20 && b < 0x7f ? String.fromCharCode(b) : ".").join("")}\n`;
}

// Bytes that are no text, as hexadecimal.
function dump(data) {
	const node = el("pre.bytes", {tabindex: "0"});
	const add = (from, to) => {
		let text = "";
		for (let at = from; at < Math.min(to, data.length); at += 16)
			text += dumpLine(data, at);
		node.append(text);
	};
	add(0, DUMP);
	if (data.length > DUMP) {
		const more = button(`show all ${bytes(data.length)}`, () => {
			more.remove();
			add(DUMP, data.length);
		}, {class: "more"});
		node.append(more);
	}
	return node;
}

// The text with its first error marked.
function wrong(text, error) {
	const at = error.at;
	return [
		el("p.cause", {}, `Line ${error.line}, column ${error.column}: `, line(error.text), "."),
		el("div.bytes", {}, long(text.slice(Math.max(0, at - 1000), at), {first: 1000}), el("mark", {}, line(text.slice(at, at + 1) || "␄")),
			long(text.slice(at + 1), {first: 1000})),
	];
}

// Parameters of a form, one a line.
function form(text) {
	const pairs = [...new URLSearchParams(text)];
	return el("dl.fields", {}, pairs.slice(0, 500).map(([name, value]) => [el("dt", {}, line(name)), el("dd", {}, long(value))]));
}

const isForm = (event, text) => /^[\w.%+[\]-]+=/.test(text) && !/[\s{]/.test(text.slice(0, 200));

function pretty(event) {
	const text = event.unpacked ?? event.body;
	if (text === "")
		return el("p.soft", {}, "The body is empty.");
	if (isForm(event, text))
		return form(text);
	if (text.length > TREE || event.body_cut)
		return [el("p.soft", {}, "The body is too long for a tree."), el("div.bytes", {}, long(text))];
	const {root, error} = readJson(text);
	return root ? jsonTree(root) : wrong(text, error);
}

const hasBody = (event) => typeof event.body === "string" || typeof event.body_base64 === "string";

function exactly(event) {
	if (typeof event.body === "string")
		return el("div.bytes", {}, long(event.body, {exact: true, first: 20000}));
	return dump(Uint8Array.from(atob(event.body_base64), (c) => c.charCodeAt(0)));
}

// mode: "pretty" or "exact"; change(mode) asks for the other. hidden: the page shows no bodies.
export function showBody(event, mode, change, hidden) {
	if (typeof event.body !== "string" && typeof event.unpacked !== "string")
		mode = "exact";
	if (!hasBody(event))
		return el("p.soft", {}, hidden ? "Bodies are hidden: the configuration says page-bodies = false."
			: "The bytes were not kept. With reject-bodies = true in the configuration they are.");
	const choose = (value, text) => button(text, () => change(value), {"aria-pressed": String(mode === value), class: mode === value ? "set" : null});
	return [
		el("div.bar", {}, choose("pretty", "pretty"), choose("exact", "exact bytes"),
			typeof event.body === "string" && button("copy", () => copy(event.body, "the body")),
			el("span.soft", {}, mode === "pretty" ? "a click copies a value's path" : bytes(event.bytes),
				event.body_cut ? ", of which this is the beginning" : "", typeof event.unpacked === "string" ? ", packed" : "")),
		mode === "pretty" ? pretty(event) : exactly(event),
	];
}
