/** A rule that does not hold. Everything that is wrong with a file ends as one of these. */
export class Fault extends Error {
  /**
   * @param {string} message what was expected, or what is wrong
   * @param {string} [where] which entry, record, member or line
   */
  constructor(message, where = "") {
    super(message);
    this.where = where;
  }
}

/**
 * @param {boolean} holds
 * @param {string} message
 * @param {string} [where]
 * @throws {Fault} it does not hold
 */
export function check(holds, message, where = "") {
  if (!holds) throw new Fault(message, where);
}
