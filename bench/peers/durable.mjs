// SPDX-License-Identifier: Apache-2.0
// The Durable Streams server with files, which it syncs before it answers. What it says of itself costs it nothing.
import { DurableStreamTestServer } from "@durable-streams/server";

const print = console.log;
for (const level of ["debug", "log", "info", "warn"]) console[level] = () => {};

const server = new DurableStreamTestServer({ port: 0, host: "127.0.0.1", dataDir: process.argv[2] });
await server.start();
print(new URL(server.url).port);
