/**
 * Messages are plain data: what CBOR and JSON can both carry, plus what CBOR alone can. The sender is told where a
 * message holds something else, before any of it has left.
 *
 * @internal
 */

/** What a link's codec can carry. JSON has no bytes, and no number that is not finite. */
export type Carries = "cbor" | "json"

/** Nesting beyond this is refused by Perl's decoders, and by ours. */
export const maxDepth = 512

/** Where a value is not plain data: the path to it, such as `[2].name`, and what stands there. */
export interface Culprit {
  readonly path: string
  readonly what: string
}

/** The first value inside `root` that cannot travel, or `undefined` if all of it can. */
export const culprit = (root: unknown, carries: Carries = "cbor"): Culprit | undefined => {
  const what = refuse(root, carries, 0)
  return what === undefined ? undefined : locate(root, carries, "", 0)
}

// The common case must be cheap, so this walk builds no path: `locate` does that once something was refused.
const refuse = (value: unknown, carries: Carries, depth: number): string | undefined => {
  switch (typeof value) {
    case "boolean":
    case "undefined":
      return undefined
    case "string":
      return value.isWellFormed() ? undefined : "a string with a lone surrogate"
    case "number":
      return carries === "json" && !Number.isFinite(value) ? `the number ${value}` : undefined
    case "bigint":
      return value >= -(2n ** 63n) && value < 2n ** 64n ? undefined : "a bigint of more than 64 bits"
    case "object":
      return value === null ? undefined : refuseObject(value, carries, depth)
    default:
      return `a ${typeof value}`
  }
}

const refuseObject = (value: object, carries: Carries, depth: number): string | undefined => {
  // A cycle ends here too.
  if (depth >= maxDepth) return `nesting of more than ${maxDepth} levels, or a cycle`
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const what = refuse(value[i], carries, depth + 1)
      if (what !== undefined) return what
    }
    return undefined
  }
  if (value instanceof Uint8Array) return carries === "json" ? "bytes" : undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return `a ${value.constructor?.name ?? "class instance"}`
  for (const key in value) {
    const what = refuse((value as Record<string, unknown>)[key], carries, depth + 1) ??
      (key.isWellFormed() ? undefined : "a key with a lone surrogate")
    if (what !== undefined) return what
  }
  return undefined
}

const locate = (value: unknown, carries: Carries, path: string, depth: number): Culprit => {
  if (typeof value === "object" && value !== null && depth < maxDepth && !(value instanceof Uint8Array)) {
    for (const [key, inner] of Object.entries(value)) {
      if (refuse(inner, carries, depth + 1) === undefined) continue
      const step = Array.isArray(value)
        ? `[${key}]`
        : /^[A-Za-z_]\w*$/.test(key)
        ? `.${key}`
        : `[${JSON.stringify(key)}]`
      // The path of a cycle has as many steps as the limit: its beginning says it all.
      return depth > 8 ?
        { path: `${path}${step}...`, what: refuse(inner, carries, depth + 1)! } :
        locate(inner, carries, path + step, depth + 1)
    }
  }
  return { path, what: refuse(value, carries, depth) ?? "a key with a lone surrogate" }
}

/** A value as it is now, and about how many bytes it takes on its way. */
export interface Copied {
  readonly copy: unknown
  readonly size: number
}

/** Copies what can travel; answers the first value inside that cannot. */
export const copy = (root: unknown, carries: Carries = "cbor"): Copied | Culprit => {
  const found = culprit(root, carries)
  if (found !== undefined) return found
  let size = 0
  const walk = (value: unknown): unknown => {
    size += typeof value === "string" ? value.length + 5 : 9
    if (typeof value !== "object" || value === null) return value
    if (Array.isArray(value)) return value.map(walk)
    if (value instanceof Uint8Array) {
      size += value.length
      return Uint8Array.from(value)
    }
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        size += key.length
        return [key, walk(inner)]
      })
    )
  }
  return { copy: walk(root), size }
}
