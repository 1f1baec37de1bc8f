/**
 * Failures that programs have on purpose. They are to cost what fails and nothing else: a line in the log may tell of them, and no
 * line of another failure may.
 */

const mark = "on purpose"

/** What careless programs throw. */
export class OnPurpose extends Error {
  override readonly name = "OnPurpose"
  constructor(what: string) {
    super(`${what} failed ${mark}`)
  }
}

/** Lines that must not be logged: something was not expected, and nobody was told but the log. */
const unexpected = /\b(failed|broken|defect|TypeError|RangeError|ReferenceError)\b/

/** Each port that fails is told of. Some fail with what bears no mark: a text, a date, nothing. */
const portFailed = /\bport \S+ failed: (?:fail|die)\b/

/** Whether a line of the log tells of something that no program did on purpose. */
export const isUnexpected = (line: string): boolean =>
  unexpected.test(line.replace(portFailed, "")) && !line.includes(mark)
