// One headless Chromium for all tests, and what every page is held against: no violation that axe knows, no request to
// another origin, no error in the console, nothing that reaches beyond the screen.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Where pictures are kept. */
const pictures = process.env.BROWSER_PICTURES
  ?? path.join(process.env.CARGO_TARGET_DIR ?? path.resolve("../../target"), "browser");

export const PHONE = { name: "phone", width: 390, height: 844 };
export const DESKTOP = { name: "desktop", width: 1280, height: 800 };

/** How long a page may take on a slow machine before a test gives up. */
const PATIENCE = 20_000;

/** Starts the browser. */
export async function launch() {
  const folder = mkdtempSync(path.join(tmpdir(), "releve-chromium-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const browser = context.browser();
  return {
    browser,
    async end() {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Somebody with a window of their own.
 * @param origin the only place that it may ask
 * @param way { screen, language: "fr" | "en", script: boolean, dark: boolean }
 */
export async function visitor(browser, origin, way) {
  const { screen = DESKTOP, language = "en", script = true, dark = false } = way;
  const context = await browser.newContext({
    viewport: { width: screen.width, height: screen.height },
    locale: language === "fr" ? "fr-FR" : "en-GB",
    timezoneId: "Europe/Paris",
    javaScriptEnabled: script,
    colorScheme: dark ? "dark" : "light",
    isMobile: screen === PHONE,
    hasTouch: screen === PHONE,
    acceptDownloads: true,
    // Our script is put in by the test alone.
    bypassCSP: false,
  });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const elsewhere = [];
  const errors = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && !["data:", "blob:", "about:"].includes(url.protocol)) elsewhere.push(request.url());
  });
  // Answers such as 403 are what some tests want; a script that fails or a broken policy is not.
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of \d/.test(message.text())) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  const prefix = [screen.name, language, script ? "script" : "plain", ...(dark ? ["dark"] : [])].join("-");
  return {
    page, context, script,
    /** Looks at the page that is open: takes a picture and holds it against the rules. */
    async look(name) {
      await page.evaluate(() => document.fonts?.ready).catch(() => {});
      mkdirSync(path.join(pictures, prefix), { recursive: true });
      await page.screenshot({ path: path.join(pictures, prefix, `${name}.png`), fullPage: true });
      assert.deepEqual(elsewhere, [], `${name}: asked another place`);
      assert.deepEqual(errors, [], `${name}: errors`);
      assert.equal(await page.locator("html").getAttribute("lang"), language, `${name}: language`);
      assert.equal(await page.locator("h1").count(), 1, `${name}: one heading of the first order`);
      if (!script) return;
      const { wide, inside } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth, inside: document.documentElement.clientWidth,
      }));
      assert.ok(wide <= inside, `${name}: ${wide} pixels on a screen of ${inside}`);
      // Debugging evaluation is not bound by the page's policy, which stays as it is.
      await page.evaluate(`${axe};undefined`);
      const { violations } = await page.evaluate(() => window.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }));
      const told = violations.map((violation) => `${violation.id}: ${violation.help}\n${violation.nodes.slice(0, 3)
        .map((node) => `  ${node.html}\n  ${node.failureSummary.replaceAll("\n", " ")}`).join("\n")}`);
      assert.deepEqual(told, [], `${name}: axe`);
    },
    async end() {
      await context.close();
    },
  };
}

/** Presses Tab until the element that matches has the focus; fails when it can't be reached. */
export async function tabTo(page, selector) {
  for (let presses = 0; presses < 80; presses += 1) {
    if (await page.evaluate((selector) => document.activeElement?.matches(selector) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${selector} can't be reached with the keyboard`);
}
