// SPDX-License-Identifier: ISC
// Runs the server that argv names, by the SDK's own client: prints what it learns of the server, and then the result of each call on
// standard input, a line [TOOL, ARGUMENTS] each.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: "test", version: "1.0.0" });
const transport = new StdioClientTransport({ command, args, stderr: "inherit", env: process.env });
const print = (value) => process.stdout.write(JSON.stringify(value) + "\n");

await client.connect(transport);
await client.ping();
print({
  server: client.getServerVersion(), capabilities: client.getServerCapabilities(), instructions: client.getInstructions(),
  latest: LATEST_PROTOCOL_VERSION, supported: SUPPORTED_PROTOCOL_VERSIONS, negotiated: transport._protocolVersion ?? null,
  tools: (await client.listTools()).tools,
});
for await (const line of createInterface({ input: process.stdin })) {
  const [name, given] = JSON.parse(line);
  try {
    print(await client.callTool({ name, arguments: given }));
  } catch (error) {
    print({ code: error.code, message: error.message });
  }
}
await client.close();
