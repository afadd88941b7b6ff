// SPDX-License-Identifier: ISC
// Reads JSON as it was written: numbers keep their digits, members their order, and a key that is there twice stays twice.

const DEPTH = 200; // deeper text is shown as text

class Wrong extends Error {
	constructor(at, text) {
		super(text);
		this.at = at;
	}
}

const WORD = /true|false|null/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;

function reader(text) {
	let at = 0;

	function match(pattern) {
		pattern.lastIndex = at;
		const found = pattern.exec(text);
		if (found)
			at += found[0].length;
		return found ? found[0] : null;
	}

	function fail(wanted) {
		const c = String.fromCodePoint(text.codePointAt(at) ?? 0);
		throw new Wrong(at, at >= text.length ? `the text ends where ${wanted} should be` : `${JSON.stringify(c)} is where ${wanted} should be`);
	}

	// Skips white space, and the character when it comes next.
	function skip(c) {
		match(SPACE);
		if (text[at] !== c)
			return false;
		at++;
		return true;
	}

	function string(wanted) {
		const raw = match(STRING);
		if (raw === null)
			fail(wanted);
		return JSON.parse(raw);
	}

	function object(depth) {
		const members = [];
		if (skip("}"))
			return {kind: "object", members};
		do {
			match(SPACE);
			const key = string("a key in quotation marks");
			if (!skip(":"))
				fail("a colon");
			members.push([key, value(depth)]);
		} while (skip(","));
		if (!skip("}"))
			fail("a comma or }");
		return {kind: "object", members};
	}

	function array(depth) {
		const items = [];
		if (skip("]"))
			return {kind: "array", members: items};
		do
			items.push([items.length, value(depth)]);
		while (skip(","));
		if (!skip("]"))
			fail("a comma or ]");
		return {kind: "array", members: items};
	}

	function value(depth) {
		match(SPACE);
		if (depth > DEPTH)
			throw new Wrong(at, `it is deeper than ${DEPTH} levels`);
		const c = text[at];
		if (c === '"')
			return {kind: "string", text: string("a string that ends")};
		if (c === "{" || c === "[") {
			at++;
			return c === "{" ? object(depth + 1) : array(depth + 1);
		}
		const word = match(WORD) ?? match(NUMBER);
		if (word === null)
			fail("a value");
		return {kind: word === "null" ? "null" : /^[tf]/.test(word) ? "boolean" : "number", text: word};
	}

	const root = value(0);
	match(SPACE);
	if (at < text.length)
		fail("the end");
	return root;
}

function place(text, at) {
	const before = text.slice(0, at);
	const line = before.split("\n").length;
	return {line, column: [...before.slice(before.lastIndexOf("\n") + 1)].length + 1};
}

// {root}, or {error: {at, line, column, text}} at the first error.
export function readJson(text) {
	try {
		return {root: reader(text)};
	} catch (error) {
		if (!(error instanceof Wrong))
			throw error;
		return {error: {at: error.at, text: error.message, ...place(text, error.at)}};
	}
}

// Parts of a path as a template has it ({{data.sender.name}}); null where no template can name it.
export function templatePath(parts) {
	if (!parts.length || parts.length > 12)
		return null;
	for (const part of parts)
		if (typeof part === "string" && (/^$|[.\s|{}"\u0000-\u001f\u007f-\u00a0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/.test(part) || part.startsWith("!")))
			return null;
	const path = parts.join(".");
	return /^[#/^!&>]|^raw$|^hookspool\./.test(path) ? null : path;
}
