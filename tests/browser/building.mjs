// A building of four dwellings over the last hundred days, replayed into a store and served by `releve run`.

import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** The folder of the binaries that cargo built. */
export const binaries = process.env.RELEVE_BINARIES ?? path.join(process.env.CARGO_TARGET_DIR ?? path.resolve("../../target"), "debug");

/** Starts the service and resolves when it answers: its address, an operator's token, and how to end it. */
export async function building({ days = 100, dwellings = 4 } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "releve-browser-"));
  const releve = path.join(binaries, "releve");
  const run = (...words) => execFileSync(releve, words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const from = new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
  run("simulate", "--from", from, "--days", String(days + 1), "--dwellings", String(dwellings), "--events", "many", "building");
  // The last day is simulated whole: what is yet to come has not been heard.
  const now = new Date().toISOString().slice(0, 19) + "Z";
  const capture = readFileSync(path.join(folder, "building/capture.txt"), "utf8").split("\n");
  writeFileSync(path.join(folder, "heard.txt"), capture.filter((line) => line.startsWith("#") || line.slice(0, 20) <= now).join("\n") + "\n");
  const db = ["--db", "releve.db"];
  run("registry", "import", ...db, "building/registry.csv");
  run("replay", ...db, "heard.txt");
  const token = (name, scope) => JSON.parse(run("token", "add", name, "--scope", scope, ...db, "--json")).token;
  const operator = token("caretaker", "operator");
  const portal = token("portal", "portal");
  const registry = table(readFileSync(path.join(folder, "building/registry.csv"), "utf8"));
  // A receiver that hears nothing: the building has spoken already.
  execFileSync("mkfifo", [path.join(folder, "air")]);
  writeFileSync(path.join(folder, "config.toml"),
    `[store]\npath = "${folder}/releve.db"\n[api]\nlisten = "127.0.0.1:0"\n[[receiver]]\nname = "cellar"\npipe = "${folder}/air"\n`);
  const service = start(releve, ["run", "--config", "config.toml"], { cwd: folder });
  const url = await service.says(/answering on (http:\S+)|api=(http:\S+)/);
  return {
    url, operator, portal, registry, folder,
    async end() {
      await service.end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A program that runs beside the tests. */
export function start(program, words, options = {}) {
  const child = spawn(program, words, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const waiting = new Set();
  const take = (octets) => {
    said += octets;
    for (const check of waiting) check();
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const over = new Promise((resolve) => child.once("exit", resolve));
  process.once("exit", () => child.kill("SIGKILL"));
  return {
    /** Resolves with what a pattern finds in what the program says. */
    says: (pattern) => new Promise((resolve, reject) => {
      const check = () => {
        const found = pattern.exec(said);
        if (!found) return;
        waiting.delete(check);
        resolve(found.slice(1).find((part) => part !== undefined) ?? found[0]);
      };
      waiting.add(check);
      over.then((code) => reject(new Error(`${program} ended with ${code}:\n${said}`)));
      check();
    }),
    text: () => said,
    end: async () => {
      child.kill("SIGTERM");
      await over;
    },
  };
}

/** Rows of a CSV file as objects. */
function table(text) {
  const rows = text.trim().split("\n").map((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((cell) => cell[1] ?? cell[2]));
  const [names, ...lines] = rows;
  return lines.map((cells) => Object.fromEntries(names.map((name, index) => [name, cells[index]])));
}
