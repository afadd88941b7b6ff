// SPDX-License-Identifier: ISC
// Times: local, 24 hours, without a library.
import {el} from "./dom.js";

const two = (n) => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export const hours = (d) => `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
const date = (d) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;

function zone(d) {
	const minutes = -d.getTimezoneOffset();
	if (minutes === 0)
		return "UTC";
	const size = Math.abs(minutes);
	return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${size % 60 ? ":" + two(size % 60) : ""}`;
}

// 2026-05-12 14:33:21.104 UTC+2
export const exact = (d) => `${date(d)} ${hours(d)}.${String(d.getMilliseconds()).padStart(3, "0")} ${zone(d)}`;

// The hour of today, else day and hour.
export function short(d) {
	if (date(d) === date(new Date()))
		return hours(d);
	const day = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
	return d.getFullYear() === new Date().getFullYear() ? `${day} ${two(d.getHours())}:${two(d.getMinutes())}` : `${day} ${d.getFullYear()}`;
}

// 40 s, 25 min, 3 h, 12 d
export function span(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	if (s < 100)
		return `${s} s`;
	if (s < 100 * 60)
		return `${Math.round(s / 60)} min`;
	return s < 48 * 3600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

export const ago = (d) => `${span(Date.now() - d)} ago`;

// A time element: `words` of it, exact on hover.
export function time(at, words = short) {
	const d = new Date(at);
	return Number.isNaN(d.getTime()) ? el("span", {}, String(at)) : el("time", {datetime: d.toISOString(), title: exact(d)}, words(d));
}

// 686 B, 13.2 kB, 41 GB
export function bytes(n) {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let u = 0;
	while (n >= 1000 && u < units.length - 1) {
		n /= 1000;
		u++;
	}
	return `${u && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[u]}`;
}

export const count = (n) => Number(n).toLocaleString("en");
export const plural = (n, word) => `${count(n)} ${n === 1 ? word : `${word}s`.replace(/ys$/, "ies")}`;
