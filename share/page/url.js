// SPDX-License-Identifier: ISC
// What is shown, as a URL: filters, selection and tab. The page works below any path.

// This file is static/url.js below the path that the page is mounted at.
export const ROOT = new URL("../", import.meta.url);

export const FILTERS = ["endpoint", "outcome", "event", "account", "sender", "text", "since", "until"];

// The state of a URL: {filters, id, tab, charts}. id: null, or an event's ("1204") or a refused delivery's ("r17").
export function parse(location) {
	const query = new URLSearchParams(location.search);
	const filters = {};
	for (const name of FILTERS)
		if (query.get(name))
			filters[name] = query.get(name);
	const path = location.pathname.startsWith(ROOT.pathname) ? location.pathname.slice(ROOT.pathname.length) : "";
	const found = /^event\/(r?[0-9]{1,19})$/.exec(path);
	return {filters, id: found ? found[1] : null, tab: query.get("tab"), charts: query.get("charts")};
}

// Its URL, for a link or the history.
export function format({filters = {}, id = null, tab = null, charts = null}) {
	const url = new URL(id ? `event/${id}` : "./", ROOT);
	for (const name of FILTERS)
		if (filters[name])
			url.searchParams.set(name, filters[name]);
	if (tab)
		url.searchParams.set("tab", tab);
	if (charts)
		url.searchParams.set("charts", charts);
	return url.pathname + url.search;
}

export const same = (a, b) => format({filters: a}) === format({filters: b});
