/**
 * JSON whose integers keep all their digits, as Perl's do: those that a number cannot hold are bigints here.
 *
 * @internal
 */

/** ECMAScript 2026, which the types of TypeScript do not have yet. */
const withSource = JSON as unknown as {
  readonly rawJSON: (text: string) => object
  readonly parse: (
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown
  ) => unknown
}

/** Throws as `JSON.stringify` does, but not for a bigint. `undefined` for what is no JSON. */
export const stringify = (value: unknown): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch {
    // To ask of each value would cost more than to do it again for the few that hold one.
    return JSON.stringify(
      value,
      (_, inner: unknown) => typeof inner === "bigint" ? withSource.rawJSON(String(inner)) : inner
    )
  }
}

/** To ask of each value takes ten times as long: in texts of more characters than these, long integers are the nearest numbers. */
const longest = 256 * 1024

/** Where a long integer may stand, and nearly no fraction and no text. */
const longInteger = /(?:^|[[,:])\s*-?\d{16}/

/** Throws as `JSON.parse` does. */
export const parse = (text: string): unknown =>
  text.length <= longest && longInteger.test(text)
    ? withSource.parse(text, (_, value, { source }) => exact(value, source))
    : JSON.parse(text)

/** The integer of 64 bits that stands there, if a number is another one. */
const exact = (value: unknown, source: string | undefined): unknown => {
  if (typeof value !== "number" || source === undefined || !/^-?\d{16,20}$/.test(source)) return value
  // What a number shows as it stays, and shows as again.
  if (String(value) === source) return value
  const integer = BigInt(source)
  return integer >= -(2n ** 63n) && integer < 2n ** 64n ? integer : value
}
