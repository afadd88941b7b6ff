// SPDX-License-Identifier: ISC
// Text from strangers: isolated, bounded, and with its invisible characters made visible.
import {button, el} from "./dom.js";

const MARKS = 500; // marked runs of one part of a text; further ones are replaced without a mark, so that 1 MB of them stays fast
const CHUNK = 4000; // characters that are laid out as one: a browser's time for a long line of many fonts is quadratic
const LONG = 2000; // characters of a text that are shown before it is expanded
const CELL = 300; // characters of a text in the list

// Controls, blanks without width, direction controls, fillers, lone surrogates, tags and rare variation selectors.
const HIDDEN = new RegExp("[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u1680\\u180e\\u200b-\\u200f\\u2028-\\u202e" +
	"\\u2060-\\u206f\\u2800\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e01ef}]+", "gu");
const NAMES = {
	0x00ad: "SHY", 0x061c: "ALM", 0x200b: "ZWSP", 0x200c: "ZWNJ", 0x200d: "ZWJ", 0x200e: "LRM", 0x200f: "RLM", 0x2028: "LSEP",
	0x2029: "PSEP", 0x202a: "LRE", 0x202b: "RLE", 0x202c: "PDF", 0x202d: "LRO", 0x202e: "RLO", 0x2060: "WJ", 0x2066: "LRI",
	0x2067: "RLI", 0x2068: "FSI", 0x2069: "PDI", 0xfeff: "BOM",
};

export const codePoint = (c) => "U+" + c.toString(16).toUpperCase().padStart(4, "0");

// What stands for an invisible character.
function picture(c) {
	if (c < 0x20)
		return String.fromCodePoint(0x2400 + c);
	return c === 0x7f ? "\u2421" : `[${NAMES[c] ?? codePoint(c)}]`;
}

// Joiners belong into emoji and into scripts that are not Latin.
const joins = (text, at, run) => (run === "\u200d" || run === "\u200c") && at > 0 && text.charCodeAt(at - 1) > 0x2ff && text.charCodeAt(at + 1) > 0x2ff;
const flag = (text, at) => at > 1 && text.codePointAt(at - 2) === 0x1f3f4;

// The characters of a run that are shown as they are: a text's own line ends and tabs.
function visible(text, at, run, lines) {
	return joins(text, at, run) || (flag(text, at) && /^[\u{e0020}-\u{e007f}]+$/u.test(run)) || (lines && (lines === "exact" ? /^[\n\t]+$/ : /^(?:\r?\n|\t)+$/).test(run));
}

function* pieces(text, lines) {
	let from = 0;
	for (const found of text.matchAll(HIDDEN)) {
		if (visible(text, found.index, found[0], lines))
			continue;
		if (found.index > from)
			yield {text: text.slice(from, found.index)};
		yield {hidden: found[0]};
		from = found.index + found[0].length;
	}
	if (from < text.length)
		yield {text: text.slice(from)};
}

function pictures(run, lines) {
	let out = "";
	for (const c of run)
		out += lines && (c === "\n" || c === "\t") ? c : picture(c.codePointAt(0));
	return out;
}

function names(run) {
	const all = [...run.slice(0, 8)].map((c) => codePoint(c.codePointAt(0)));
	return all.join(" ") + (run.length > 8 ? " …" : "");
}

// The text as nodes. lines: line feeds and tabs do their work.
function nodes(text, lines) {
	const out = [];
	let marks = 0, plain = "";
	for (const piece of pieces(text, lines)) {
		if (piece.text !== undefined || ++marks > MARKS) {
			plain += piece.text ?? pictures(piece.hidden, lines);
			continue;
		}
		out.push(plain, el("span.ctl", {title: names(piece.hidden)}, pictures(piece.hidden, lines)));
		plain = "";
	}
	out.push(plain);
	return out;
}

// At most n characters, not ending inside a surrogate pair.
export function cut(text, n) {
	if (text.length <= n)
		return text;
	return text.slice(0, /[\ud800-\udbff]/.test(text[n - 1]) ? n - 1 : n);
}

// The text in parts, each of which is laid out by itself, and only where it is looked at. A part ends behind a line, else a word.
function chunks(text, lines) {
	const out = [];
	for (let at = 0; at < text.length;) {
		let part = cut(text.slice(at, at + CHUNK + 1), CHUNK);
		if (at + part.length < text.length)
			part = part.slice(0, (part.lastIndexOf("\n") + 1 || part.lastIndexOf(" ") + 1) || part.length);
		out.push(el("span.chunk", {}, nodes(part, lines)));
		at += part.length;
	}
	return out;
}

// One line, for the list.
export function cell(text) {
	text = text ?? "";
	const short = cut(text, CELL);
	return el("bdi", {}, nodes(short.replace(/\s*[\r\n]\s*/g, " "), false), short.length < text.length ? "…" : "");
}

// One line in full; for names, headers and paths.
export const line = (text) => el("bdi", {}, nodes(String(text ?? ""), false));

// Any text, its beginning first when it is long. exact: carriage returns are shown.
export function long(text, {exact = false, first = LONG} = {}) {
	const lines = exact ? "exact" : true;
	const node = el("bdi.long", {dir: "auto"});
	if (text.length <= first) {
		node.append(...nodes(text, lines));
		return node;
	}
	const more = button(`show all ${text.length.toLocaleString("en")} characters`, () => node.replaceChildren(...chunks(text, lines)), {class: "more"});
	node.append(...chunks(cut(text, first), lines), "… ", more);
	return node;
}
