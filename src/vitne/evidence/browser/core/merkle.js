// Proofs of the tree (RFC 6962 §2.1, and the multiproof of §6.1).

import { sameBytes } from "./bytes.js";
import { check } from "./fault.js";
import { EMPTY_ROOT, nodeHash } from "./hash.js";

/** The largest power of two below a width of 2 or more; widths go beyond 32 bits. */
function splitAt(width) {
  let half = 1;
  while (half * 2 < width) half *= 2;
  return half;
}

/**
 * The root that leaves and path lead to: the tree is walked from [0, size), left first; a range
 * without a wanted leaf takes the next hash of the path.
 *
 * @param {number} size leaves of the tree
 * @param {[number, Uint8Array][]} leaves position and leaf hash
 * @param {Uint8Array[]} path
 * @returns {Uint8Array}
 * @throws {Fault} positions out of order or outside, hashes too many or too few
 */
export function multiproofRoot(size, leaves, path) {
  check(
    leaves.every(([at], i) => at < size && (i === 0 || leaves[i - 1][0] < at)),
    "positions that are out of order, or outside of the tree",
  );
  let used = 0;
  const walk = (start, width, low, high) => {
    if (low === high) {
      check(used < path.length, "a proof with too few hashes");
      used += 1;
      return path[used - 1];
    }
    if (width === 1) return leaves[low][1];
    const half = splitAt(width);
    let cut = low;
    while (cut < high && leaves[cut][0] < start + half) cut += 1;
    const left = walk(start, half, low, cut);
    return nodeHash(left, walk(start + half, width - half, cut, high));
  };
  const root = size === 0 ? EMPTY_ROOT : walk(0, size, 0, leaves.length);
  check(used === path.length, "a proof with too many hashes");
  return root;
}

/**
 * That the tree of `newSize` leaves begins with that of `oldSize` (RFC 6962 §2.1.4).
 *
 * @param {number} oldSize at least 1
 * @param {number} newSize
 * @param {Uint8Array} oldRoot
 * @param {Uint8Array} newRoot
 * @param {Uint8Array[]} proof
 * @throws {Fault} it does not
 */
export function checkConsistency(oldSize, newSize, oldRoot, newRoot, proof) {
  check(oldSize >= 1 && oldSize <= newSize, "no consistency proof leads from the one to the other");
  if (oldSize === newSize) {
    check(proof.length === 0 && sameBytes(oldRoot, newRoot), "two roots for one size");
    return;
  }
  // Up from the last leaf of the old tree, as far as it is a right child: that node is known.
  let at = oldSize - 1;
  let last = newSize - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  const rest = [...proof];
  const next = () => {
    check(rest.length > 0, "a consistency proof with too few hashes");
    return rest.shift();
  };
  let [fromOld, fromNew] = at > 0 ? Array(2).fill(next()) : [oldRoot, oldRoot];
  while (last > 0) {
    if (at % 2 === 1) {
      const left = next();
      fromOld = nodeHash(left, fromOld);
      fromNew = nodeHash(left, fromNew);
    } else if (at < last) {
      fromNew = nodeHash(fromNew, next());
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  check(rest.length === 0, "a consistency proof with too many hashes");
  check(
    sameBytes(fromOld, oldRoot) && sameBytes(fromNew, newRoot),
    "the consistency proof does not lead to both roots",
  );
}
