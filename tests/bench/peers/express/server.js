// SPDX-License-Identifier: ISC
// Express: checks the signature over the raw body, keeps events in memory or, with a file, appends and fdatasyncs.
// Arguments: port, file (optional). Environment: SECRET, AUTHORIZATION.
const crypto = require("crypto");
const fs = require("fs");
const express = require("express");

const [port, file] = process.argv.slice(2);
const { SECRET, AUTHORIZATION } = process.env;
const seen = new Map();

function same(a, b) {
	const x = Buffer.from(a || ""), y = Buffer.from(b);
	return x.length === y.length && crypto.timingSafeEqual(x, y);
}

async function main() {
	const out = file && await fs.promises.open(file, "a");
	const app = express();

	app.disable("x-powered-by");
	app.post("/webhook/linkedin", express.raw({ type: "application/json", limit: "2mb" }), async (req, res) => {
		const right = "sha256=" + crypto.createHmac("sha256", SECRET).update(req.body).digest("hex");
		if (!same(req.get("X-Webhook-Signature"), right) || !same(req.get("Authorization"), AUTHORIZATION))
			return res.status(401).json({ status: "unauthorized" });
		const event = JSON.parse(req.body);
		const key = event.data.message_urn;
		if (!seen.has(key)) {
			seen.set(key, file ? true : event);
			if (seen.size > 100000)
				seen.delete(seen.keys().next().value);
			if (out) {
				await out.write(Buffer.concat([req.body, Buffer.from("\n")]));
				await out.datasync();
			}
		}
		res.json({ status: "stored" });
	});
	app.listen(Number(port), "127.0.0.1", 1024);
}

main();
