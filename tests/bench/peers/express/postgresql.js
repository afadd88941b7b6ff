// SPDX-License-Identifier: ISC
// Express with node-postgres: checks the signature over the raw body, inserts the event before the 200.
// Arguments: port, the server's URL. Environment: SECRET, AUTHORIZATION.
const crypto = require("crypto");
const express = require("express");
const { Pool } = require("pg");

const [port, connectionString] = process.argv.slice(2);
const { SECRET, AUTHORIZATION } = process.env;
const pool = new Pool({ connectionString, max: 16 });
const app = express();

function same(a, b) {
	const x = Buffer.from(a || ""), y = Buffer.from(b);
	return x.length === y.length && crypto.timingSafeEqual(x, y);
}

app.disable("x-powered-by");
app.post("/webhook/linkedin", express.raw({ type: "application/json", limit: "2mb" }), async (req, res) => {
	const right = "sha256=" + crypto.createHmac("sha256", SECRET).update(req.body).digest("hex");
	if (!same(req.get("X-Webhook-Signature"), right) || !same(req.get("Authorization"), AUTHORIZATION))
		return res.status(401).json({ status: "unauthorized" });
	const event = JSON.parse(req.body);
	await pool.query("INSERT INTO event(message_urn, body) VALUES($1, $2) ON CONFLICT (message_urn) DO NOTHING",
		[event.data.message_urn, req.body.toString()]);
	res.json({ status: "stored" });
});
app.listen(Number(port), "127.0.0.1", 1024);
