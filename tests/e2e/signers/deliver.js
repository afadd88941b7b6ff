// SPDX-License-Identifier: ISC
// node deliver.js URL SCHEME SECRET SECONDS [TIMES]: signs standard input with the package, delivers it, prints each answer's status.
import { readFileSync } from "node:fs";
import { packages } from "./packages.js";

const [url, scheme, secret, at, times = "1"] = process.argv.slice(2);
const body = readFileSync(0, "utf8");
const headers = { "content-type": "application/json", ...(await packages[scheme].sign(secret, body, Number(at))) };
for (let i = 0; i < Number(times); i++) {
  const answer = await fetch(url, { method: "POST", headers, body });
  console.log(answer.status, (await answer.json()).status);
}
