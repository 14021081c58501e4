// The page: takes files, shows results. `vitneVerify` is the same without a page.

import { check, Fault } from "../core/fault.js";
import { fromUtf8 } from "../core/bytes.js";
import { erasedOf, withheldOf } from "./claims.js";
import { MAX_BYTES } from "../rules/form.js";
import { banner, report, sentence } from "./report.js";
import { readPolicies, verify } from "../verify.js";

const byId = (id) => document.getElementById(id);
const [form, drop, result] = ["form", "drop", "result"].map(byId);
let bundle = null; // the file chosen last

/**
 * Check a bundle.
 *
 * @param {Uint8Array} bytes
 * @param {{log?: string, index?: string, indexSecrets?: object}} [policies] texts; secrets by
 *     epoch
 * @returns {object} plain values: verdict, rule, message, where; hits, exact, reasons, binding,
 *     trust, window, covered, withheld, erased, signed, seal
 */
globalThis.vitneVerify = (bytes, policies) => {
  const { found, ...answer } = verify(bytes, policies);
  if (found === undefined) return answer;
  return {
    ...answer,
    window: found.window, covered: found.covered, seal: found.seal.state,
    withheld: withheldOf(found), erased: erasedOf(found), signed: [...found.signed],
  };
};

function show(...parts) {
  result.replaceChildren(...parts);
}

/** Why a file is no bundle at all, if its beginning says so. */
function otherKind(bytes) {
  const start = new TextDecoder().decode(bytes.subarray(0, 200));
  if (start.startsWith('{"checkpoint":')) {
    return "This is the proof of a single record. Check it with: vitne verify FILE";
  }
  if (start.startsWith("c2sp.org/tlog-proof")) {
    return "This is the proof of a single entry. Check it with: vitne verify --policy FILE FILE";
  }
  if (bytes.length === 0) return "The file is empty.";
  return start.startsWith('{"coverage":') ? "" : "Evidence bundles by Vitne look different inside. "
    + "If this should be one, it was changed on its way: for example by a mail program.";
}

async function readText(id) {
  const [file] = byId(id).files;
  if (file === undefined) return undefined;
  check(file.size <= 1 << 20, "a policy has at most 1 MiB", file.name);
  return fromUtf8(new Uint8Array(await file.arrayBuffer()));
}

/** What the reader gave: policies as text, and index secrets by epoch. */
async function readGiven() {
  const log = await readText("log-policy");
  const index = (await readText("index-policy")) ?? log;
  const indexSecrets = {};
  for (const line of byId("index-secrets").value.split("\n").map((one) => one.trim())) {
    if (line === "") continue;
    const [epoch, key] = line.split(":");
    check(/^[0-9a-fA-F]{64}$/.test(key ?? ""), "expected secrets as EPOCH:HEX, 64 digits each");
    indexSecrets[epoch] = key;
  }
  const given = { log, index, indexSecrets };
  readPolicies(given);
  return given;
}

async function run() {
  if (bundle === null) {
    show(banner("error", "No file yet", "Choose a bundle first."));
    return;
  }
  const { name, size } = bundle;
  show(banner("busy", "Checking", `${name}, ${size.toLocaleString("en")} bytes`));
  await new Promise((resolve) => setTimeout(resolve, 30)); // let the page be painted
  try {
    show(...await judge(bundle));
  } catch (error) {
    show(banner("error", "Not checked", `The check itself failed: ${error}`));
  }
  result.focus({ preventScroll: true });
}

async function judge(file) {
  if (file.size > MAX_BYTES) {
    return [banner("error", "Too large", "A bundle has at most 64 MiB, so this is none.")];
  }
  let given;
  try {
    given = await readGiven();
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    const where = fault.where === "" ? "" : ` (${fault.where})`;
    return [
      banner("error", "Your policy or key cannot be read", `${sentence(fault.message)}${where}.`),
    ];
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const kind = otherKind(bytes);
  if (kind !== "") return [banner("error", "Not an evidence bundle", kind)];
  return report(verify(bytes, given), file.name, bytes);
}

function take(file) {
  bundle = file;
  run();
}

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) take(target.files[0]);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
for (const id of ["log-policy", "index-policy"]) {
  byId(id).addEventListener("change", () => bundle !== null && run());
}
for (const what of ["dragover", "dragleave", "drop"]) {
  // On the whole page: a file that misses the field must not replace the page.
  document.addEventListener(what, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", what === "dragover");
    const [file] = what === "drop" ? event.dataTransfer.files : [];
    if (file !== undefined) take(file);
  });
}
globalThis.addEventListener("beforeprint", () => {
  for (const one of result.querySelectorAll("details")) one.open = true;
});
