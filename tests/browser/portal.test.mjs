// The resident guide, from the first page to the deletion of the account, as four households walk it: in French and English,
// on a telephone and at a desk, with and without JavaScript.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFileSync } from "node:fs";
import { building } from "./building.mjs";
import { DESKTOP, PHONE, launch, tabTo, visitor } from "./browser.mjs";
import { portal } from "./portal.mjs";

const PASSWORD = "quatre chats gris sur un mur";

let house;
let pages;
let chromium;

before(async () => {
  [house, chromium] = await Promise.all([building({ dwellings: 6 }), launch()]);
  pages = await portal(house);
});

after(async () => {
  await chromium?.end();
  await pages?.end();
  await house?.end();
});

/** The lots of the building, each with the serial of its hot-water meter and its client reference. */
function dwelling(index) {
  const lots = [...new Set(house.registry.map((row) => row.lot))].sort();
  const rows = house.registry.filter((row) => row.lot === lots[index]);
  return { lot: lots[index], serial: rows.find((row) => row.kind === "hot_water").printed_serial, site: rows[0] };
}

/** Some days ago, as a date field sends it. */
function daysAgo(days) {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

const send = (page) => page.locator("main button[type=submit]:not(.secondary)").first().click();

async function speak(page, language) {
  await page.goto(`${pages.url}/language/${language}?next=/activation`);
}

/**
 * The field for a new password: shown, hidden again before it is sent, and what is said of it while it is typed. Without a
 * script there is the field and nothing else.
 */
async function choosePassword(someone, language, see) {
  const { page } = someone;
  const field = page.locator("#password");
  const button = page.locator("button.reveal");
  if (!someone.script) {
    assert.equal(await button.count() + await page.locator("meter").count(), 0);
    return;
  }
  const words = language === "fr"
    ? { short: /trop court/, easy: /facile à deviner/, good: /très bon/, show: "Afficher", hide: "Masquer" }
    : { short: /too short/, easy: /easy to guess/, good: /very good/, show: "Show", hide: "Hide" };
  const said = page.locator("#password-strength");
  assert.equal(await said.isVisible(), false);
  for (const [typed, level] of [["court", words.short], ["azertyuiop12", words.easy], ["1234 5678 9012", words.easy], [PASSWORD, words.good]]) {
    await field.fill(typed);
    assert.match(await said.innerText(), level, typed);
  }
  assert.ok((await field.getAttribute("aria-describedby")).includes("password-strength"));
  assert.ok((await button.innerText()).startsWith(words.show));
  // With the keyboard, right behind the field.
  await field.focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await field.getAttribute("type"), "text");
  assert.equal(await field.inputValue(), PASSWORD);
  assert.ok((await button.innerText()).startsWith(words.hide));
  await see("guide-4-you-password");
  const sentAs = await field.evaluate((field) => new Promise((resolve) => {
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      resolve(field.type);
    }, { once: true });
    field.form.noValidate = true;
    field.form.requestSubmit();
    field.form.noValidate = false;
  }));
  assert.equal(sentAs, "password");
}

/** From "who are you" to the mail; `home` says how the dwelling is named. */
async function activate(someone, home, email, { by = "serial", residence = "code", look = true } = {}) {
  const { page } = someone;
  const see = async (name) => { if (look) await someone.look(name); };
  await see("guide-1-who");
  await page.check("#role-tenant");
  await send(page);
  await page.waitForURL(/activation\/residence/);
  await see("guide-2-residence");
  if (residence === "code") {
    await page.fill("#code", "zz 999");
    await send(page);
    await page.waitForSelector("[aria-invalid=true]");
    await see("guide-2-residence-unknown");
    await page.fill("#code", home.site.site.toLowerCase());
    await send(page);
  } else {
    await page.fill("#address", "tilleuls");
    await page.locator("main form").filter({ has: page.locator("#address") }).locator("button").click();
    await page.waitForSelector("#found");
    await see("guide-2-residence-found");
    await page.check(`#site-${home.site.site}`);
    await page.locator("section[aria-labelledby=found] button").click();
  }
  await page.waitForURL(/activation\/dwelling/);
  await see("guide-3-dwelling");
  await page.check("#by-serial");
  await page.fill("#number", "00000000");
  await send(page);
  await page.waitForSelector("[aria-invalid=true]");
  await see("guide-3-dwelling-unknown");
  await page.check(`#by-${by}`);
  await page.fill("#number", by === "serial" ? home.serial : home.lot);
  await send(page);
  await page.waitForURL(/activation\/you/);
  await see("guide-4-you");
  await choosePassword(someone, await page.locator("html").getAttribute("lang"), see);
  await page.fill("#name", "Camille Exemple");
  await page.fill("#email", email);
  await page.fill("#password", PASSWORD);
  // The day after tomorrow: late in the evening tomorrow has begun where the building stands.
  await page.fill("#move_in", daysAgo(-2));
  await page.check("#certified");
  await page.check("#consent");
  // The browser itself refuses a day that is to come; the server is asked by those whose browser does not.
  await page.evaluate(() => document.querySelector("#move_in").removeAttribute("max"));
  await send(page);
  await page.waitForSelector("#move_in[aria-invalid=true]");
  await see("guide-4-you-refused");
  await page.fill("#password", PASSWORD);
  await page.fill("#move_in", daysAgo(95));
  await send(page);
  await page.waitForURL(/activation\/sent/);
  await see("guide-5-sent");
  await page.goto(await pages.link(email, "confirm"));
  await see("guide-6-confirm");
  await send(page);
  await page.waitForURL((url) => !url.pathname.startsWith("/confirm"));
  await see("guide-7-ready");
}

async function logIn(someone, email) {
  const { page } = someone;
  await page.goto(`${pages.url}/login`);
  await page.fill("#email", email);
  await page.fill("#password", PASSWORD);
  await send(page);
  await page.waitForURL((url) => url.pathname !== "/login");
}

for (const [index, way] of [
  { screen: PHONE, language: "fr", script: true },
  { screen: DESKTOP, language: "en", script: true, dark: true },
  { screen: PHONE, language: "en", script: false },
  { screen: DESKTOP, language: "fr", script: false },
].entries()) {
  const name = `${way.screen.name}, ${way.language}, ${way.script ? "script" : "no script"}${way.dark ? ", dark" : ""}`;
  test(`activation to deletion: ${name}`, async () => {
    const someone = await visitor(chromium.browser, pages.url, way);
    const { page } = someone;
    const email = `resident-${index}@example.org`;
    await speak(page, way.language);
    await page.goto(`${pages.url}/`);
    await someone.look("home");
    await page.goto(`${pages.url}/privacy`);
    await someone.look("privacy");
    await page.goto(`${pages.url}/activation`);
    const residence = index % 2 === 0 ? "code" : "address";
    await activate(someone, dwelling(index), email, { by: index === 3 ? "lot" : "serial", residence });

    await page.context().clearCookies();
    await speak(page, way.language);
    await page.goto(`${pages.url}/login`);
    await someone.look("login");
    await page.fill("#email", email);
    await page.fill("#password", "not the password");
    await send(page);
    await page.waitForSelector("[role=alert], .notice");
    await someone.look("login-refused");
    await logIn(someone, email);

    await page.goto(`${pages.url}/consumption`);
    await someone.look("consumption");
    for (const view of ["day", "week", "month", "year"]) {
      const answer = await page.goto(`${pages.url}/consumption/history?view=${view}`);
      assert.equal(answer.status(), 200, view);
      await someone.look(`consumption-${view}`);
    }
    await page.goto(`${pages.url}/consumption/history?view=month`);
    await page.locator(".rooms a[href*='/consumption/readings']").first().click();
    await page.waitForURL(/readings/);
    await someone.look("consumption-readings");
    await page.goto(`${pages.url}/consumption/readings`);
    await someone.look("consumption-readings-all");
    await page.goto(`${pages.url}/consumption/history?view=month`);
    const file = page.locator("a[href*='/consumption/file']").first();
    const [download] = await Promise.all([page.waitForEvent("download"), file.click()]);
    assert.match(download.suggestedFilename(), /\.csv$/);
    const lines = readFileSync(await download.path(), "utf8").trim().split("\n");
    // On the first of a month a day of each meter, and no more.
    assert.ok(lines.length > 1, lines.join("\n"));
    await page.goto(`${pages.url}/consumption`);
    await page.locator("a[href*='/consumption/statement']").first().click();
    await page.waitForURL(/statement/);
    await someone.look("statement");
    await page.goto(`${pages.url}/consumption/hours`);
    await someone.look("hours");

    await page.goto(`${pages.url}/account`);
    await someone.look("account");
    const [mine] = await Promise.all([
      page.waitForEvent("download"), page.locator("a[href='/account/export']").first().click(),
    ]);
    const known = JSON.parse(readFileSync(await mine.path(), "utf8"));
    assert.ok(JSON.stringify(known).includes(email));
    await page.goto(`${pages.url}/account/delete`);
    await someone.look("account-delete");
    await page.fill("#current-password", PASSWORD);
    await page.locator("main button.danger").click();
    await page.waitForURL(/login/);
    await someone.look("account-deleted");
    await page.fill("#email", email);
    await page.fill("#password", PASSWORD);
    await send(page);
    await page.waitForSelector("[role=alert], .notice");
    await page.goto(`${pages.url}/consumption`);
    await page.waitForURL(/login/);
    await someone.end();
  });
}

test("a landlord who does not live there is told that only the tenant sees the data", async () => {
  const someone = await visitor(chromium.browser, pages.url, { screen: PHONE, language: "en", script: true });
  const { page } = someone;
  await speak(page, "en");
  await page.locator("main input[type=radio]").last().check();
  await send(page);
  await page.waitForURL(/landlord/);
  await someone.look("guide-landlord");
  assert.match(await page.locator("main").innerText(), /tenant/);
  await someone.end();
});

test("the guide with the keyboard alone", async () => {
  const someone = await visitor(chromium.browser, pages.url, { screen: DESKTOP, language: "en", script: true });
  const { page } = someone;
  const home = dwelling(4);
  const type = async (selector, text) => {
    await tabTo(page, selector);
    await page.keyboard.type(text);
  };
  await speak(page, "en");
  await tabTo(page, "main input[type=radio]");
  await page.keyboard.press("Space");
  await tabTo(page, "main button[type=submit]");
  await page.keyboard.press("Enter");
  await page.waitForURL(/residence/);
  await type("#code", home.site.site);
  await page.keyboard.press("Enter");
  await page.waitForURL(/dwelling/);
  await type("#number", home.serial);
  await page.keyboard.press("Enter");
  await page.waitForURL(/you/);
  await type("#name", "Sacha Exemple");
  await type("#email", "keyboard@example.org");
  await type("#password", PASSWORD);
  // The same in whichever order the browser asks for day and month.
  await type("#move_in", `0101${new Date().getFullYear() - 1}`);
  await tabTo(page, "#certified");
  await page.keyboard.press("Space");
  await tabTo(page, "#consent");
  await page.keyboard.press("Space");
  await tabTo(page, "main form button[type=submit]");
  await page.keyboard.press("Enter");
  await page.waitForURL(/sent/);
  await page.goto(await pages.link("keyboard@example.org", "confirm"));
  await tabTo(page, "main button[type=submit]");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => !url.pathname.startsWith("/confirm"));
  await someone.end();
});
