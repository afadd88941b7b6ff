// SPDX-License-Identifier: ISC
// A command to type in a terminal, with a button that copies it.
import {copy} from "./copy.js";
import {button, el} from "./dom.js";
import {line} from "./text.js";

export function command(text) {
	return el("div.command", {}, el("code", {}, text.split("\n").map((part, i) => [i ? "\n" : "", line(part)])),
		button("copy", () => copy(text, "the command"), {"aria-label": `copy ${text.slice(0, 80)}`}));
}
