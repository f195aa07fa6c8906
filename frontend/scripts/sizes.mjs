// Prints what the browser loads, compressed, and fails when the first load outgrows its budget.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_KIB = 150;
const dist = fileURLToPath(new URL("../../static/dist/", import.meta.url));
const manifest = JSON.parse(readFileSync(`${dist}manifest.json`, "utf8"));
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const kib = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length / 1024;

const initial = new Set();
const add = (key) => {
  if (initial.has(key)) return;
  initial.add(key);
  for (const next of manifest[key].imports ?? []) add(next);
};
add(entry);

let total = 0;
for (const key of Object.keys(manifest)) {
  const { file } = manifest[key];
  if (!file.endsWith(".js")) continue;
  const size = kib(file);
  if (initial.has(key)) total += size;
  console.log(
    `${size.toFixed(1).padStart(8)} KiB gzip  ${initial.has(key) ? "first load" : "on demand "}  ${file}`,
  );
}
console.log(`${total.toFixed(1).padStart(8)} KiB gzip  JavaScript of the first load, budget ${BUDGET_KIB}`);
if (total > BUDGET_KIB) process.exit(1);
