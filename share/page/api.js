// SPDX-License-Identifier: ISC
// The page's server: JSON in, JSON out, and errors in words.
import {ROOT} from "./url.js";

export class Failure extends Error {
	constructor(status, text) {
		super(text);
		this.status = status;
	}
}

// The server's own words, where its answer has them.
async function words(response) {
	const text = (await response.text()).slice(0, 2000);
	try {
		const object = JSON.parse(text);
		return object.message ?? object.error ?? text;
	} catch {
		return /^\s*</.test(text) ? response.statusText : text.trim();
	}
}

async function ask(url, options) {
	let response;
	try {
		response = await fetch(url, {cache: "no-store", credentials: "same-origin", redirect: "error", ...options});
	} catch (error) {
		if (error.name === "AbortError")
			throw error;
		throw new Failure(0, "The server does not answer.");
	}
	if (!response.ok)
		throw new Failure(response.status, await words(response) || `The server answered ${response.status}.`);
	return response.json();
}

// get("events.json", {after: …}): parameters that are empty are left out.
export function get(path, parameters = {}, signal = undefined) {
	const url = new URL(path, ROOT);
	for (const [name, value] of Object.entries(parameters))
		if (value !== undefined && value !== null && value !== "")
			url.searchParams.set(name, value);
	return ask(url, {signal});
}

// Asks for a change; the token says that this page, opened by this user, asks.
export function act(token, action) {
	return ask(new URL("action", ROOT), {
		method: "POST",
		headers: {"Content-Type": "application/json", "X-Hookspool-Token": token},
		body: JSON.stringify(action),
	});
}
