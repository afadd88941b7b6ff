// SPDX-License-Identifier: ISC
// The clipboard, also where the page comes by plain HTTP and browsers have no clipboard for it.
import {el, toast} from "./dom.js";
import {cell} from "./text.js";

function oldWay(text) {
	const area = el("textarea.off", {readonly: true, "aria-hidden": "true"});
	area.value = text;
	const home = document.querySelector("dialog[open]") ?? document.body;
	const before = document.activeElement;
	home.append(area);
	area.select();
	const done = document.execCommand("copy");
	area.remove();
	before?.focus?.({preventScroll: true});
	return done;
}

// Copies the text and says so; `what` names it in the message.
export async function copy(text, what = null) {
	let done = false;
	try {
		await navigator.clipboard.writeText(text);
		done = true;
	} catch {
		done = oldWay(text);
	}
	toast(done ? "Copied " : "The browser does not allow to copy ", what ?? el("code", {}, cell(text)));
}
