// What is vendored, and nothing more: see README.md beside this file.
export { sha256, sha512 } from "@noble/hashes/sha2.js";
export { hmac } from "@noble/hashes/hmac.js";
export { ed25519 } from "@noble/curves/ed25519.js";
export { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
