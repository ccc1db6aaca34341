// SPDX-License-Identifier: Apache-2.0
// What a Node server of server-sent events costs at least: it keeps nothing, and tells all readers what is posted.
import { createServer } from "node:http";

const readers = new Set();

const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.flushHeaders();
    readers.add(response);
    request.on("close", () => readers.delete(response));
    return;
  }
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const frame = `data: ${Buffer.concat(parts)}\n\n`;
    for (const reader of readers) reader.write(frame);
    response.writeHead(200, { "Content-Length": 0 }).end();
  });
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(server.address().port));
