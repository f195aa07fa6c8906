// Writes a canvas that many have typed in as a Yjs update: node canvas-trace.mjs OPERATIONS FILE. Prints one line of JSON.
import { readFileSync, writeFileSync } from "node:fs";
import * as Y from "yjs";

const [operations, file] = [Number(process.argv[2]), process.argv[3]];
const PEOPLE = 20;
let seed = 7;
const random = () => {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
};

const doc = new Y.Doc();
const text = new Y.XmlText();
const paragraph = new Y.XmlElement("paragraph");
doc.getXmlFragment("default").insert(0, [paragraph]);
paragraph.insert(0, [text]);
for (let done = 0; done < operations; ) {
  // A person types a run of letters somewhere, each an operation of its own, or takes some back.
  doc.clientID = 1000 + Math.floor(random() * PEOPLE);
  let at = Math.floor(random() * (text.length + 1));
  const run = Math.min(operations - done, 5 + Math.floor(random() * 40));
  const back = random() < 0.15 && text.length > run;
  doc.transact(() => {
    for (let step = 0; step < run; step++, done++) {
      if (back) text.delete(Math.min(at, text.length - 1), 1);
      else text.insert(at++, "abcdefghij klmnop"[done % 17]);
    }
  });
}
writeFileSync(file, Y.encodeStateAsUpdate(doc));

const bytes = readFileSync(file);
const rounds = [];
for (let round = 0; round < 5; round++) {
  const [started, before] = [performance.now(), process.cpuUsage()];
  const loaded = new Y.Doc();
  Y.applyUpdate(loaded, bytes);
  if (loaded.getXmlFragment("default").toString().length < 1) throw new Error("empty");
  const used = process.cpuUsage(before);
  rounds.push({ wall: performance.now() - started, cpu: (used.user + used.system) / 1000 });
}
const median = (name) => rounds.map((round) => round[name]).sort((a, b) => a - b)[2];
console.log(
  JSON.stringify({
    bytes: bytes.length,
    characters: text.length,
    load_ms: median("wall"),
    load_cpu_ms: median("cpu"),
  }),
);
