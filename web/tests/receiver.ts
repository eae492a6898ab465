import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a webhook calls: refuses until it is mended, and counts. */
export async function receiver() {
  const state = { broken: true, calls: 0 };
  const server = createServer((request, response) => {
    state.calls += 1;
    request.resume().on("end", () => {
      response.writeHead(state.broken ? 500 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(state.broken ? { error: "out of order" } : { ok: true }));
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, state, close: () => server.close() };
}
