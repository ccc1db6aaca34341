// SPDX-License-Identifier: Apache-2.0
// The least that a command written for Node does: one request, its answer printed.
import { get } from "node:http";

get(process.argv[2], { headers: { Authorization: `Bearer ${process.argv[3]}` } }, (response) => {
  response.pipe(process.stdout);
});
