// SPDX-License-Identifier: ISC
// Modules of packages that are too large to be installed: parts.json names the files that verify, and test_signers.py unpacks them alone.
// What such a file requires besides is not there: it gets an object whose members are empty classes.
import module, { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const absent = new Proxy({}, { get: () => class {} });
const load = module._load;

module._load = function (name, from, ...more) {
  try {
    return load.call(this, name, from, ...more);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" || !from.filename?.includes("/parts/")) throw error;
    return absent;
  }
};

export const part = (name, file) => require(`./parts/${name}/${file}`);
