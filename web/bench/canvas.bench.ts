// How long a frame of the builder takes with 300 steps: while one moves about, goes from step to step, and types.
import { expect, test } from "../tests/server";
import { frames, HEAD, told } from "./frames";

type Step = { id: string; type: string; config: object };

/** Thirty parts of ten steps each: a branch with three steps on either side, and three behind it. */
function threeHundred(): Step[] {
  let number = 0;
  const plain = (): Step => {
    number += 1;
    return { id: `s${number}`, type: "create_ticket", config: { title: `Ticket ${number} for {{contact.name}}`, priority: "high" } };
  };
  const some = (count: number) => Array.from({ length: count }, plain);
  return Array.from({ length: 30 }, () => {
    number += 1;
    const id = `s${number}`;
    const branches = [{ name: "Unhappy", conditions: [{ logic: "AND" }, { field: "submission.data.q_nps", operator: "<=", value: 6 }], actions: some(3) }, { name: "Others", conditions: [], actions: some(3) }];
    return [{ id, type: "branch", config: { branches } }, ...some(3)];
  }).flat();
}

test("frames of a canvas with 300 steps", async ({ page, server, signedIn }) => {
  void signedIn;
  const headers = { authorization: `Bearer ${server.key}` };
  const made = await page.request.post("/api/workflows?draft=true", { headers, data: { name: "Three hundred", trigger_event: "submission_completed", actions: threeHundred() } });
  expect(made.ok(), await made.text()).toBe(true);
  const { data } = (await made.json()) as { data: { id: number } };
  const begun = Date.now();
  await page.goto(`/workflows/${data.id}/edit`);
  await page.locator("[data-node=trigger]").waitFor();
  const opened = Date.now() - begun;
  const canvas = await page.locator("[data-canvas]").boundingBox();
  const [x, y] = [(canvas?.x ?? 0) + (canvas?.width ?? 0) / 2, (canvas?.y ?? 0) + (canvas?.height ?? 0) / 2];
  const lines: string[] = [];
  const measure = async (what: string, act: () => Promise<void>): Promise<void> => {
    lines.push(told(what, await frames(page, act)));
  };
  await page.mouse.move(x + 300, y);
  await measure("moving by the wheel", async () => {
    for (let turns = 0; turns < 120; turns += 1) await page.mouse.wheel(0, 120);
  });
  await measure("moving by drag", async () => {
    await page.mouse.down();
    for (let moves = 0; moves < 120; moves += 1) await page.mouse.move(x + 300 - moves, y - 2 * moves);
    await page.mouse.up();
  });
  await measure("zooming", async () => {
    await page.keyboard.down("Control");
    for (let turns = 0; turns < 60; turns += 1) await page.mouse.wheel(0, turns < 30 ? 60 : -60);
    await page.keyboard.up("Control");
  });
  await measure("all of it in view", async () => {
    await page.keyboard.press("f");
    for (let turns = 0; turns < 30; turns += 1) await page.mouse.wheel(0, turns % 2 === 0 ? 60 : -60);
  });
  await page.reload();
  await page.locator("[data-node=trigger]").click();
  await measure("from step to step", async () => {
    for (let steps = 0; steps < 80; steps += 1) await page.keyboard.press("ArrowDown");
  });
  await page.keyboard.press("Enter");
  await page.locator("[data-panel] input").first().focus();
  await measure("typing in a field", async () => {
    await page.keyboard.type("A name that somebody types into the panel of a step", { delay: 20 });
  });
  await page.keyboard.press("Escape");
  await measure("moving a step, undoing it", async () => {
    for (let times = 0; times < 20; times += 1) await page.keyboard.press(times % 2 === 0 ? "Alt+ArrowDown" : "Control+z");
  });
  console.log([`opened in ${opened} ms`, HEAD, ...lines].join("\n"));
});
