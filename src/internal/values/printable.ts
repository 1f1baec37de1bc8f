/**
 * Text from elsewhere, for a terminal: characters that would steer it show, and do nothing.
 *
 * @internal
 */

const code = (letter: string): string => letter.charCodeAt(0).toString(16).padStart(2, "0")

/** Lines may be several. */
export const printable = (text: string): string =>
  text.replaceAll(/(?![\n\t])\p{Cc}/gu, (letter) => `\\x${code(letter)}`)

/** It may stand within a line. */
export const printableInLine = (text: string): string => text.replaceAll(/\p{Cc}/gu, (letter) => `\\x${code(letter)}`)

/** It stays the same JSON. */
export const printableJson = (text: string): string => text.replaceAll(/\p{Cc}/gu, (letter) => `\\u00${code(letter)}`)
