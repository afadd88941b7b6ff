// SPDX-License-Identifier: ISC
// node receive.js SCHEME SECRET: prints its port, and answers each delivery by what the package says of it.
import { createServer } from "node:http";
import { packages } from "./packages.js";

const [scheme, secret] = process.argv.slice(2);
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    const verdict = packages[scheme].verify(secret, Buffer.concat(parts).toString(), request.headers);
    const right = await verdict.then((value) => value !== false, () => false);
    response.writeHead(right ? 200 : 401).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
