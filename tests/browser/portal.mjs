// The portal before a building: its own folder of accounts, and mails as files.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { watch } from "node:fs";
import path from "node:path";
import { binaries, start } from "./building.mjs";

/** Starts the portal; resolves when it answers. */
export async function portal(house) {
  const folder = path.join(house.folder, "portal");
  const outbox = path.join(folder, "outbox");
  mkdirSync(outbox, { recursive: true });
  writeFileSync(path.join(house.folder, "token"), house.portal);
  const listen = `127.0.0.1:${await freePort()}`;
  const program = start(path.join(binaries, "releve-portal"),
    ["run", "--service", house.url, "--token-file", path.join(house.folder, "token"), "--folder", folder, "--listen", listen]);
  await program.says(/the portal answers/);
  return {
    url: `http://${listen}`,
    /** The link of the latest mail to an address, as soon as it is there. */
    link: (address, kind) => mail(outbox, address, new RegExp(`http://${listen}/${kind}/\\S+`)),
    end: program.end,
  };
}

/** A port that nobody has. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Waits for a mail in a folder and gives what a pattern finds in it. */
function mail(outbox, address, pattern) {
  const look = () => {
    const names = readdirSync(outbox).filter((name) => name.endsWith(".eml")).sort().reverse();
    for (const name of names) {
      const text = readFileSync(path.join(outbox, name), "utf8");
      const [head, ...rest] = text.split(/\r?\n\r?\n/);
      const found = pattern.exec(decoded(head, rest.join("\n\n")));
      if (head.includes(address) && found) return found[0];
    }
    return null;
  };
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      watching.close();
      reject(new Error(`no mail to ${address}: ${readdirSync(outbox)}`));
    }, 20_000);
    const check = () => {
      const found = look();
      if (!found) return;
      clearTimeout(limit);
      watching.close();
      resolve(found);
    };
    const watching = watch(outbox, check);
    check();
  });
}

/** The body of a mail as text. */
function decoded(head, body) {
  const coding = /^content-transfer-encoding:\s*(\S+)/im.exec(head)?.[1].toLowerCase();
  if (coding === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (coding !== "quoted-printable") return body;
  const octets = body.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/gi, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
  return Buffer.from(octets, "latin1").toString("utf8");
}
