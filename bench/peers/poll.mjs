// SPDX-License-Identifier: Apache-2.0
// What the reference does: events in PostgreSQL behind a Node server, read again every 500 ms.
import { createServer } from "node:http";
import pg from "pg";

const pool = new pg.Pool({ connectionString: process.argv[2], max: 4 });
const append = {
  name: "append",
  text: `WITH number AS (UPDATE streams SET last = last + 1 WHERE id = $1 RETURNING last)
         INSERT INTO events SELECT $1, last, $2 FROM number`,
};
const read = {
  name: "read",
  text: "SELECT seq, data FROM events WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT 100",
};

async function answer(request, body) {
  const url = new URL(request.url, "http://bench");
  const stream = Number(url.pathname.slice(1));
  if (request.method === "POST") {
    await pool.query({ ...append, values: [stream, body] });
    return { received: 1 };
  }
  const { rows } = await pool.query({ ...read, values: [stream, Number(url.searchParams.get("since"))] });
  return { events: rows.map((row) => JSON.parse(row.data)) };
}

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", async () => {
    let status = 200;
    let body;
    try {
      body = JSON.stringify(await answer(request, Buffer.concat(parts).toString()));
    } catch (error) {
      status = 500;
      body = JSON.stringify({ error: String(error) });
    }
    response.writeHead(status, { "Content-Length": Buffer.byteLength(body) }).end(body);
  });
});
server.listen({ port: 0, host: "127.0.0.1" }, () => console.log(server.address().port));
