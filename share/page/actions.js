// SPDX-License-Identifier: ISC
// What changes something: buttons where the page may, commands to type where it may not.
import {act} from "./api.js";
import {command} from "./command.js";
import {quote} from "./shell.js";
import {button, dialog, el, toast} from "./dom.js";
import {line} from "./text.js";
import {plural} from "./time.js";

// The command that does the same.
export function commandOf({action, id, sink}) {
	if (action === "accept")
		return `hookspool rejects --accept ${String(id).replace(/^r/, "")}`;
	if (action === "replay")
		return `hookspool replay ${sink ? `--sink ${quote(sink)} ` : ""}${id}`;
	return id ? `hookspool ${action} ${id}` : `hookspool ${action} --sink ${quote(sink)}`;
}

const DONE = {retry: "due now", replay: "due again", drop: "given up", accept: "stored"};

function ask(title, text, label, does) {
	const node = dialog(title, text, el("p.buttons", {}, button("Cancel", () => node.close()), button(label, () => {
		node.close();
		does();
	}, {class: "primary"})));
}

// Tells the command, where the page has no buttons.
function tell(what) {
	const node = dialog(`To ${what.action}`, el("p", {}, "This page changes nothing (page-actions is false). In a terminal:"), command(commandOf(what)),
		el("p.buttons", {}, button("Close", () => node.close())));
}

async function request(summary, what, changed) {
	try {
		const answer = await act(summary.latest()?.token ?? "", what);
		const n = answer.changed;
		toast(what.action === "accept" ? "Stored as an event." : `${plural(n, "delivery")} ${DONE[what.action]}.`);
		changed(answer);
	} catch (error) {
		toast(line(error.message));
	}
}

// Does what = {action, id, sink}, or tells how. changed(answer) follows.
export function perform(summary, what, changed) {
	if (!summary.latest()?.actions)
		tell(what);
	else if (what.action === "drop")
		ask("Give up?", el("p", {}, "What is dropped is dead, and is not sent. A retry brings it back."), "Drop", () => request(summary, what, changed));
	else
		request(summary, what, changed);
}

export const actionButton = (summary, what, changed, text = what.action) => button(text, () => perform(summary, what, changed));
