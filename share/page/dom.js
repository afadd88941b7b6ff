// SPDX-License-Identifier: ISC
// Elements. Text becomes text nodes: nothing of it is ever read as HTML.

// el("a.row", {href: …, onclick: …}, children…): strings become text; null, undefined and false are left out.
export function el(name, given = {}, ...children) {
	const [tag, ...classes] = name.split(".");
	return fill(document.createElement(tag), classes, given, children);
}

// The same for SVG.
export function svg(name, given = {}, ...children) {
	const [tag, ...classes] = name.split(".");
	return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), classes, given, children);
}

function fill(node, classes, given, children) {
	if (classes.length)
		node.setAttribute("class", classes.join(" "));
	for (const [key, value] of Object.entries(given)) {
		if (value === undefined || value === null || value === false)
			continue;
		if (key.startsWith("on"))
			node.addEventListener(key.slice(2), value);
		else
			node.setAttribute(key, value === true ? "" : value);
	}
	node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
	return node;
}

export const by = (id) => document.getElementById(id);

// Text for screen readers alone.
export const spoken = (text) => el("span.sr", {}, text);

export function button(text, onclick, given = {}) {
	return el("button", {type: "button", onclick, ...given}, text);
}

let toastTimer;

// Tells the outcome of an action for some seconds.
export function toast(...content) {
	by("toast").replaceChildren(...content);
	by("toast").classList.add("on");
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => by("toast").classList.remove("on"), 4000);
}

// Opens the dialog; close() of the element ends it.
export function dialog(title, ...content) {
	const node = by("dialog");
	node.replaceChildren(el("h2", {id: "dialog-title"}, title), ...content);
	if (!node.open)
		node.showModal();
	return node;
}
