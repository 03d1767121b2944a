// The caretaker's pages, as somebody in the cellar with a telephone sees them, and somebody at a desk.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { building } from "./building.mjs";
import { DESKTOP, PHONE, launch, tabTo, visitor } from "./browser.mjs";

let house;
let chromium;

before(async () => {
  [house, chromium] = await Promise.all([building(), launch()]);
});

after(async () => {
  await chromium?.end();
  await house?.end();
});

async function logIn(someone) {
  await someone.page.goto(`${house.url}/caretaker`);
  await someone.look("caretaker-login");
  await someone.page.fill("#token", house.operator);
  await someone.page.click("main button[type=submit]");
  await someone.page.waitForURL(`${house.url}/caretaker`);
}

for (const way of [
  { screen: PHONE, language: "fr", script: true },
  { screen: PHONE, language: "en", script: false, dark: true },
  { screen: DESKTOP, language: "en", script: true, dark: true },
  { screen: DESKTOP, language: "fr", script: false },
]) {
  const name = `${way.screen.name}, ${way.language}, ${way.script ? "script" : "no script"}${way.dark ? ", dark" : ""}`;
  test(`all pages: ${name}`, async () => {
    const someone = await visitor(chromium.browser, house.url, way);
    const { page } = someone;
    await page.goto(`${house.url}/caretaker/login`);
    await page.fill("#token", "releve_nobody");
    await page.click("main button[type=submit]");
    await page.waitForSelector("#wrong");
    await someone.look("caretaker-login-refused");
    await logIn(someone);
    await someone.look("caretaker-overview");
    for (const [path, picture] of [
      ["/caretaker/alerts", "alerts"], ["/caretaker/meters", "meters"], ["/caretaker/air", "unregistered"],
      ["/caretaker/radios", "receivers"], ["/caretaker/nowhere", "nowhere"], ["/caretaker/meters?q=zzzz", "no-meter"],
    ]) {
      await page.goto(house.url + path);
      await someone.look(`caretaker-${picture}`);
    }
    const serial = house.registry.find((row) => row.kind === "hot_water").printed_serial;
    await page.goto(`${house.url}/caretaker/meters`);
    await page.fill("#q", serial.toLowerCase());
    await page.click("main button[type=submit]");
    await page.waitForURL(/q=/);
    const links = page.locator("tbody th a");
    assert.equal(await links.count(), 1);
    await links.click();
    await page.waitForURL(/\/caretaker\/meters\/\d+$/);
    assert.match(await page.locator("h1").innerText(), new RegExp(serial));
    await someone.look("caretaker-meter-days");
    await page.locator("summary").click();
    await page.locator("a[href*='span=months']").click();
    await page.waitForURL(/span=months/);
    await page.locator("summary").click();
    await someone.look("caretaker-meter-months");
    await page.locator("details a[href*='/evidence?']").first().click();
    await page.waitForURL(/\/evidence\?/);
    await someone.look("caretaker-evidence");
    await page.goto(`${house.url}/caretaker`);
    await page.locator("footer button").click();
    await page.waitForURL(`${house.url}/caretaker/login`);
    await page.goto(`${house.url}/caretaker`);
    await page.waitForURL(/login\?to=/);
    await someone.end();
  });
}

test("with the keyboard alone", async () => {
  const someone = await visitor(chromium.browser, house.url, { screen: DESKTOP, language: "en", script: true });
  const { page } = someone;
  await page.goto(`${house.url}/caretaker`);
  await tabTo(page, "#token");
  await page.keyboard.type(house.operator);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${house.url}/caretaker`);
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.matches(".skip")));
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await tabTo(page, "a.tile[href*='on_time']");
  await page.keyboard.press("Enter");
  await page.waitForURL(/state=on_time/);
  await tabTo(page, "tbody th a");
  await page.keyboard.press("Enter");
  await page.waitForURL(/meters\/\d+/);
  await tabTo(page, "summary");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("details[open]").count() > 0);
  await tabTo(page, "footer button");
  await page.keyboard.press("Enter");
  await page.waitForURL(/login/);
  await someone.end();
});

test("a page fetches itself again and keeps what is open and focused", async () => {
  const someone = await visitor(chromium.browser, house.url, { screen: DESKTOP, language: "en", script: true });
  const { page } = someone;
  await page.clock.install();
  await logIn(someone);
  await page.goto(`${house.url}/caretaker/meters/1`);
  await page.locator("summary").click();
  await page.locator("a[href*='span=months']").focus();
  await page.evaluate(() => document.querySelector("main h1").setAttribute("data-old", ""));
  const answer = page.waitForResponse((response) => response.request().headers()["releve-refresh"] === "1");
  await page.clock.fastForward(16_000);
  assert.equal((await answer).status(), 200);
  await page.waitForFunction(() => document.querySelector("main h1:not([data-old])"));
  assert.equal(await page.locator("details[open]").count(), 1);
  assert.ok(await page.evaluate(() => document.activeElement.matches("a[href*='span=months']")));
  await someone.end();
});

test("a token that is removed ends what is open", async () => {
  const someone = await visitor(chromium.browser, house.url, { screen: PHONE, language: "en", script: false });
  await logIn(someone);
  const answer = await someone.page.request.get(`${house.url}/v1/meters`);
  assert.equal(answer.status(), 401, "the session is for the pages alone");
  await someone.end();
});
