// SPDX-License-Identifier: ISC
// JSON as a tree. A click copies a value's path as a template wants it; what is deep or many is closed at first.
import {copy} from "./copy.js";
import {button, el, toast} from "./dom.js";
import {templatePath} from "./json_read.js";
import {line, long} from "./text.js";
import {plural} from "./time.js";

const OPEN = 3; // levels that are open at first
const MANY = 100; // members that are shown at a time

const paths = new WeakMap();

function copyPath(parts) {
	const path = templatePath(parts);
	if (path === null)
		toast("No template can name this value: a key of its path is empty, or has a dot, a blank or an invisible character.");
	else
		copy(`{{${path}}}`);
}

function scalar(node, parts) {
	const shown = el(`span.value.${node.kind}`, {title: templatePath(parts) ? `copy {{${templatePath(parts)}}}` : null},
		node.kind === "string" ? ['"', long(node.text), '"'] : node.text);
	paths.set(shown, parts);
	return shown;
}

function key(name, parts) {
	const shown = button([line(name)], () => copyPath(parts), {class: typeof name === "number" ? "key index" : "key", "aria-label": `copy path of ${name}`});
	return [shown, el("span.colon", {}, ": ")];
}

function sizeOf(node) {
	return node.kind === "array" ? `[ ${plural(node.members.length, "item")} ]` : `{ ${plural(node.members.length, "member")} }`;
}

// Adds members from `from` on, and a button for the rest.
function addMembers(list, node, parts, depth, from = 0) {
	for (const [name, value] of node.members.slice(from, from + MANY)) {
		const path = [...parts, name];
		list.append(el("li", {}, member(value, path, depth, key(name, path))));
	}
	const rest = node.members.length - from - MANY;
	if (rest > 0) {
		const more = el("li", {}, button(`show ${Math.min(rest, MANY)} more of ${plural(rest, "member")}`, () => {
			more.remove();
			addMembers(list, node, parts, depth, from + MANY);
		}, {class: "more"}));
		list.append(more);
	}
}

function member(node, parts, depth, label) {
	if (!node.members)
		return [label, scalar(node, parts)];
	if (!node.members.length)
		return [label, el("span.value", {}, node.kind === "array" ? "[]" : "{}")];
	return branch(node, parts, depth, label);
}

// What can be opened and closed: its members are made when it is opened first.
function branch(node, parts, depth, label) {
	const list = el("ul"), name = parts.length ? String(parts.at(-1)) : "all";
	const toggle = button("", () => open(list.hidden), {class: "toggle"});
	function open(on) {
		if (on && !list.children.length)
			addMembers(list, node, parts, depth + 1);
		list.hidden = !on;
		toggle.textContent = on ? "▾" : "▸";
		toggle.setAttribute("aria-expanded", String(on));
		toggle.setAttribute("aria-label", `members of ${name}`);
	}
	open(depth < OPEN);
	const size = el("span.size", {onclick: () => open(list.hidden)}, sizeOf(node));
	return el("div.branch", {}, toggle, label, size, list);
}

// The tree of what readJson() made.
export function jsonTree(root) {
	return el("div.json", {onclick: (event) => {
		const value = event.target.closest(".value");
		if (value && paths.has(value) && !event.target.closest("button") && String(getSelection()) === "")
			copyPath(paths.get(value));
	}}, member(root, [], 0, null));
}
