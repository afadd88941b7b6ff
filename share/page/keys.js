// SPDX-License-Identifier: ISC
// The keyboard: one letter each, none while a text is typed or with a modifier.
import {button, dialog, el} from "./dom.js";

const HELP = [
	["j, k", "next, previous row"], ["Enter", "open the row"], ["/", "search in texts"], ["y", "copy the event as curl"],
	["r", "retry its deliveries, or accept a refused one"], ["Esc", "leave the search, or the detail on a phone"], ["?", "this help"],
];

function showHelp() {
	const node = dialog("Keys", el("table.keys", {}, el("tbody", {}, HELP.map(([keys, what]) =>
		el("tr", {}, el("th", {scope: "row"}, keys.split(", ").map((key) => [el("kbd", {}, key), " "])), el("td", {}, what))))),
		el("p.buttons", {}, button("Close", () => node.close())));
}

// keys: {j(), k(), y(), r(), …} by the key; "Escape" too.
export function listen(keys) {
	document.addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]"))
			return;
		const typing = event.target.closest?.("input, select, textarea");
		if (typing && event.key !== "Escape")
			return;
		const does = event.key === "?" ? showHelp : keys[event.key];
		if (!does)
			return;
		event.preventDefault();
		does(event);
	});
}
